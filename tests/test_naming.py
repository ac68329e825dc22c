"""Where commands write when no --out is given."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.program import refused, textladder, write_csv
from textladder.naming import folder_for
from textladder.signals import Interrupted

FEW = ["--set", "training.epochs=1", "--set", "training.min_steps=0"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_csv(tmp_path / "reviews.csv")


def test_runs_have_the_names_of_file_and_rung() -> None:
    for wanted in ("runs/reviews-bow", "runs/reviews-bow-2"):
        ended = textladder("train", "reviews.csv", *FEW)
        assert ended.code == 0, ended.err
        assert f"The folder: {wanted} (--out gives another)" in ended.err
        assert "The rung: bow (textladder rungs --task classify lists all)" in ended.err
        assert (Path(wanted) / "scores.json").exists()
    for option in ("--resume", "--overwrite"):
        refused(textladder("train", "reviews.csv", option, *FEW), option, "Add --out runs/reviews-bow-2")
        refused(textladder("train", "reviews.csv", "--rung", "mlp", option), option, "there is none yet")


def test_nothing_is_left_of_what_could_not_begin() -> None:
    assert textladder("train", "there-is-no.csv").code == 2
    assert not Path("runs").exists()


def test_a_compare_has_one_too() -> None:
    ended = textladder("compare", "reviews.csv", "--rungs", "bow", *FEW)
    assert ended.code == 0, ended.err
    assert "The page: runs/reviews-compare/index.html" in ended.out
    assert Path("runs/reviews-compare/index.html").exists()


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("data/train.en.gz + data/train.de.gz", "runs/train-gru"),
        ("a b.csv.zst", "runs/a b-gru"),
        ("dates", "runs/dates-gru"),
        ("corpus.v2.txt", "runs/corpus.v2-gru"),
    ],
)
def test_names(file: str, wanted: str) -> None:
    with folder_for(None, file, "gru") as folder:
        assert folder == Path(wanted)
    with folder_for(Path("mine"), file, "gru", resume=True, overwrite=True) as folder:
        assert folder == Path("mine")


def test_a_stop_says_the_command_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for command, more in (("train", " --resume"), ("compare", "")):
        monkeypatch.setattr(sys, "argv", ["/usr/bin/textladder", command, "a b.csv"])
        with pytest.raises(Interrupted) as stop, folder_for(None, "a b.csv", "x"):
            raise Interrupted(signal.SIGINT)
        assert stop.value.again == f"textladder {command} 'a b.csv' --out 'runs/a b-x'{more}"
    with pytest.raises(Interrupted) as stop, folder_for(Path("mine"), "a.csv", "x"):
        raise Interrupted(signal.SIGINT)
    assert stop.value.again is None
