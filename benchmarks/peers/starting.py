"""How long peers take to import, each in a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

from benchmarks import child

IMPORT = "import time; b = time.perf_counter(); import {0}; print(time.perf_counter() - b)"


def job(names: tuple[str, ...], repeats: int = 5) -> dict[str, Any]:
    found = {}
    for name in names:
        command = [sys.executable, "-c", IMPORT.format(name)]
        said = [
            subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(repeats)
        ]
        found[f"import {name}"] = statistics.median(map(float, said))
    return found


if __name__ == "__main__":
    child.run(job)
