"""A command of ours in this process, so that its peak memory can be read when it has ended."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from typing import Any

from benchmarks import child


def job(arguments: tuple[str, ...]) -> dict[str, Any]:
    """arguments: of `textladder`; {out} among them is a new folder, removed afterwards."""
    from textladder.cli import app

    folder = tempfile.mkdtemp(prefix="benchmark-")
    began = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            app([part.format(out=folder) for part in arguments], standalone_mode=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"seconds": time.perf_counter() - began, "training_peak_memory_mb": child.peak_memory_mb()}


if __name__ == "__main__":
    child.run(job)
