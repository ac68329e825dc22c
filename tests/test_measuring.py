"""What a run is said to cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.program import environment

PARENT = """
import subprocess, sys
held = b"x" * (900 << 20)
child = "from textladder.measuring import peak_memory_mb; print(peak_memory_mb())"
subprocess.run([sys.executable, "-c", child], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems start at nothing")
def test_a_process_does_not_inherit_the_memory_of_the_one_that_started_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], capture_output=True, text=True, env=environment(), check=True
    )
    assert 50 < float(done.stdout) < 800
