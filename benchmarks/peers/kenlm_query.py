"""KenLM's query: a text scored by the probing model of an ARPA file. Standard library alone."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child


def job(programs: str, arpa: str, text: str, words: int, repeats: int) -> dict[str, Any]:
    """Words a second are those of scoring alone: what the program takes for no text at all is taken off."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        binary, many = f"{folder}/model.bin", Path(folder) / "many.txt"
        subprocess.run([f"{programs}/build_binary", "probing", arpa, binary], check=True, capture_output=True)
        lines = Path(text).read_bytes()
        many.write_bytes(lines * repeats)

        def query(file: str) -> tuple[float, str]:
            began = time.perf_counter()
            command = [f"{programs}/query", "-v", "summary", binary]
            with open(file, "rb") as text:
                done = subprocess.run(command, stdin=text, capture_output=True, check=True)
            return time.perf_counter() - began, done.stdout.decode() + done.stderr.decode()

        query(str(many))  # the model's pages are in memory from now on
        idle = min(query("/dev/null")[0] for _ in range(3))
        seconds, output = query(str(many))
    found = re.search(r"Perplexity including OOVs:\s*([\d.e+]+)", output)
    return {
        "words_per_second": words * repeats / (seconds - idle),
        "perplexity": float(found.group(1)) if found else None,
    }


if __name__ == "__main__":
    child.run(job)
