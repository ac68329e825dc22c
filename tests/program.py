"""What the tests of the command line share: invented reviews, and the program, here or as a process."""

from __future__ import annotations

import csv
import io
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from textladder.cli import main

GOOD = ["lovely", "warm", "funny", "brilliant", "charming", "moving"]
BAD = ["dull", "boring", "clumsy", "awful", "lifeless", "tedious"]
THINGS = ["film", "plot", "actor", "scene", "story", "score", "ending", "dialogue"]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def rows(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """(text, label), the label told by one word of the text; always the same for the same seed."""
    draw = random.Random(seed)
    made = []
    for i in range(count):
        label, words = ("good", GOOD) if i % 2 else ("bad", BAD)
        thing, other = draw.sample(THINGS, 2)
        made.append((f"The {thing} was {draw.choice(words)} and so was the {other}, take {i}.", label))
    return made


def write_csv(
    path: Path, count: int = 60, header: tuple[str, str] = ("text", "label"), seed: int = 0
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows(count, seed)])
    return path


def textladder(*arguments: object, stdin: str | bytes = b"") -> Ended:
    """Run the program in this process, which is fast. Its streams are files of its own."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["textladder", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            main()
    out.flush()
    err.flush()
    return Ended(int(ended.value.code or 0), out.buffer.getvalue().decode(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **more}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "textladder", *map(str, arguments)]


def subprocessed(*arguments: object, stdin: str = "", **more: str) -> Ended:
    """Run the program as a process of its own."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(**more),
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def train(file: object, out: Path, *more: object) -> Ended:
    return textladder("train", file, "--out", out, *more)


def refused(ended: Ended, *said: str) -> None:
    """Code 2; on stderr what is wrong, a next step on the line after it, all of `said`; nothing on stdout."""
    assert ended.code == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    lines = ended.err.strip().splitlines()
    (start,) = (i for i, line in enumerate(lines) if line.startswith("textladder"))
    assert len(lines) - start >= 2, "there is no next step"
    for part in said:
        assert part in ended.err, ended.err
