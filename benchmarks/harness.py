"""Runs systems in processes of their own, in turns, and takes medians. It measures nothing itself."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from benchmarks.child import STARTED, THREADS

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "benchmarks" / "out"  # of this machine alone: environments, files, runs
RECORDS = ROOT / "benchmarks" / "results"  # tracked: every figure that a table of docs/ is made of
REQUIREMENTS = ROOT / "benchmarks" / "peers" / "requirements.txt"
TIMEOUT = 1200.0  # seconds of one process
Result = dict[str, Any]


@dataclass(frozen=True)
class System:
    """A program to measure. python: "ours" runs in this environment, "peers" in that of the peers."""

    name: str
    module: str
    arguments: dict[str, Any] = field(default_factory=dict)
    python: Literal["ours", "peers"] = "ours"
    timeout: float = TIMEOUT


def data_folder() -> Path:
    return Path(os.environ.get("TEXTLADDER_DATA") or ROOT.parent / "shared" / "data").resolve()


def peers_python(folder: Path = OUT / "peers-venv") -> Path:
    """The interpreter of the peers' environment, made anew when its requirements have changed."""
    ready, python = folder / "requirements.txt", folder / "bin" / "python"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    print(f"Installing the peers into {folder.relative_to(ROOT)}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The peers cannot be installed:\n{done.stderr}")
    ready.write_text(wanted, encoding="utf-8")
    return python


def run_once(system: System, threads: int) -> Result:
    """One process: what its last line of output says, or {"error": ...}."""
    python = str(peers_python()) if system.python == "peers" else sys.executable
    counts = ("OMP", "MKL", "OPENBLAS", "NUMBA", "RAYON", "BLIS")
    environment = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in counts}
    environment |= {THREADS: str(threads), "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its compiled files
    environment[STARTED] = repr(time.time())
    command = [python, "-m", system.module, json.dumps(system.arguments)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=system.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {system.timeout:.0f} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = done.stderr.strip().splitlines()
        return {"error": f"exit code {done.returncode}: {said[-1] if said else 'no word'}"}
    return json.loads(lines[-1])


def in_turns(systems: Sequence[System], repeats: int, threads: int) -> dict[str, list[Result]]:
    """Each system `repeats` times; all take turns, so that other load on the machine falls on all alike."""
    results: dict[str, list[Result]] = {system.name: [] for system in systems}
    for turn in range(repeats):
        for system in systems:
            began = time.perf_counter()
            result = run_once(system, threads)
            results[system.name].append(result)
            said = result.get("error") or ", ".join(f"{key} {short(value)}" for key, value in result.items())
            print(
                f"  {turn + 1}/{repeats} {system.name}: {time.perf_counter() - began:.1f} s; {said}",
                flush=True,
            )
    return results


def medians(results: Sequence[Result]) -> Result:
    """The median of every number over the runs that did not fail; the first error if all failed."""
    good = [result for result in results if "error" not in result]
    if not good:
        return dict(results[0])
    merged: Result = {}
    for key, first in good[0].items():
        values = [result[key] for result in good]
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        merged[key] = statistics.median(values) if numbers else first
    return merged


def short(value: Any) -> str:
    """A number as a reader wants it: three digits that matter, thousands parted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def machine() -> str:
    """Processor, cores and memory, in words."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"^model name\s*:\s*(.*)$", information.read_text(encoding="utf-8"), re.M)
        name = found.group(1) if found else name
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"


def versions(packages: Sequence[str], python: Path | str = sys.executable) -> dict[str, str]:
    """Installed versions in the environment of an interpreter."""
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "print(json.dumps({'python': platform.python_version()}"
        " | {n: m.version(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run([str(python), "-c", code, *packages], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def today() -> str:
    return date.today().isoformat()
