"""KenLM's lmplz: a text file with a text on each line to an ARPA file. Standard library alone."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks import child


def job(programs: str, train: str, words: int, order: int, arpa: str, prune: list[int]) -> dict[str, Any]:
    """Its own defaults, but for the memory it may sort in: 80 % of the machine would be taken from others."""
    command = [f"{programs}/lmplz", "-o", str(order), "--text", train, "--arpa", arpa, "-S", "2G"]
    command += ["-T", str(Path(arpa).parent), "--prune", *map(str, prune)]
    began = time.perf_counter()
    with Path(f"{arpa}.log").open("wb") as said:
        running = subprocess.Popen(command, stderr=said)
        _, status, used = os.wait4(running.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(Path(f"{arpa}.log").read_text(encoding="utf-8", errors="replace")[-500:])
    return {
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "words_per_second": words / seconds,
        "training_peak_memory_mb": used.ru_maxrss * 1024 / 1e6,
        "model_mb": Path(arpa).stat().st_size / 1e6,
    }


if __name__ == "__main__":
    child.run(job)
