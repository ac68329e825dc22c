"""What the tests of the command line read and never change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import textladder, write_csv


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 labelled reviews as CSV, columns text and label."""
    return write_csv(tmp_path_factory.mktemp("data") / "reviews.csv", 120)


@pytest.fixture(scope="session")
def trained(reviews: Path) -> Path:
    """A finished run of the rung bow on `reviews`."""
    out = reviews.parent / "trained"
    assert textladder("train", reviews, "--out", out).code == 0
    return out
