"""Real data, which developers and continuous integration have and users do not need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TEXTLADDER_DATA") or ROOT.parent / "shared" / "data")


def real(name: str) -> Path:
    """A file or folder of the data folder. Without it the test is skipped; where CI is set it fails, since a
    suite that skips its real data proves less than it says."""
    path = DATA / name
    if not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{path} is not here; set TEXTLADDER_DATA")
    return path
