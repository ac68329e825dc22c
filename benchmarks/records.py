"""What the benchmarks share: which jobs are asked for, what is kept of each, and where it is written."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import machine, table, today


def asked(parser: argparse.ArgumentParser, only: str, jobs: Collection[str]) -> list[str]:
    """The jobs named, separated by commas; the parser's error for one that there is not."""
    names = only.split(",")
    unknown = set(names) - set(jobs)
    if unknown:
        parser.error(f"there is no job {', '.join(sorted(unknown))}; there are: {' '.join(jobs)}")
    return names


def command_of(module: str, arguments: Sequence[str] | None) -> str:
    """As it was typed."""
    return " ".join([f"python -m {module}", *map(shlex.quote, arguments or sys.argv[1:])])


def read(path: Path) -> dict[str, Any]:
    """The records of a file; none where it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def stamp(repeats: int, threads: int, began: float) -> dict[str, Any]:
    """When, where and how a job was measured. began: `time.perf_counter()` before it."""
    return {
        "repeats": repeats,
        "threads": threads,
        "date": today(),
        "machine": machine(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def when_table(jobs: dict[str, dict[str, Any]]) -> str:
    """When, where and by which command each job was measured: jobs may be of different days and machines."""
    rows = [
        [
            name,
            job["date"],
            job["machine"],
            str(job["repeats"]),
            f"{job['seconds']:,.0f} s",
            f"`{job['command']}`",
        ]
        for name, job in jobs.items()
    ]
    return table(["job", "date", "machine", "turns", "took", "command"], rows)


def versions_list(installed: dict[str, dict[str, str]]) -> str:
    """Who has which versions, a line each."""
    return "\n".join(
        f"- {side}: " + ", ".join(f"{k} {v}" for k, v in found.items()) for side, found in installed.items()
    )


def write_between(path: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two markers of a page, or put it with its markers at the end."""
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    parts = [before.rstrip(), begin, text, end, rest.partition(end)[2].lstrip()]
    path.write_text("\n\n".join(parts).rstrip() + "\n", encoding="utf-8")
