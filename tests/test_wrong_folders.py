"""A folder that a run or a compare cannot, or must not, be written to: a next step, and nothing is lost."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.program import refused, textladder, train
from textladder import model as model_module
from textladder.files import WORK
from textladder.text.store import StoreWriter
from textladder.training.logging import RunLog


def test_a_folder_that_another_run_writes(reviews: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(train(reviews, out), str(out), "another run is writing here")


def test_a_folder_that_holds_a_run(reviews: Path, trained: Path, tmp_path: Path) -> None:
    before = (trained / "scores.json").read_bytes()
    refused(train(reviews, trained), "holds a finished run", "--resume", "--overwrite")
    refused(train(reviews, trained, "--resume", "--set", "training.epochs=3"), "training.epochs")
    refused(train(reviews.with_name("no.csv"), trained, "--overwrite"), "no such file")
    refused(train(reviews, trained, "--overwrite", "--label", "nothing"), "--label")
    (tmp_path / "other.csv").write_text("text,label\nthe film,gone\n", encoding="utf-8")
    refused(train(reviews, trained, "--overwrite", "--dev", tmp_path / "other.csv"), "'gone'")
    refused(train(reviews, trained, "--overwrite", "--vectors", tmp_path / "no.vec"), "no.vec")
    assert (trained / "scores.json").read_bytes() == before


@pytest.mark.parametrize("name", ["model", "resume", "log.jsonl"])
def test_a_folder_with_something_that_a_run_would_replace(name: str, reviews: Path, tmp_path: Path) -> None:
    mine = tmp_path / name / "of mine" if "." not in name else tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    for more in ((), ("--overwrite",), ("--resume",)):
        refused(train(reviews, tmp_path, *more), name, "is not of a run", "--out")
    assert mine.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("name", ["runs", "index.html"])
def test_a_folder_with_something_that_a_compare_would_replace(
    name: str, reviews: Path, tmp_path: Path
) -> None:
    (tmp_path / name).mkdir()
    for more in ((), ("--overwrite",)):
        ended = textladder("compare", reviews, "--rungs", "bow", "--out", tmp_path, *more)
        refused(ended, name, "is not of a compare", "--out")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("under", ["a file", "a file in the middle"])
def test_a_folder_that_cannot_be_made(under: str, reviews: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    out = tmp_path / "file" if under == "a file" else tmp_path / "file" / "run"
    refused(train(reviews, out), str(out), "--out")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


@pytest.mark.skipif(not Path("/proc/sys").is_dir(), reason="needs a place where nobody may make a folder")
def test_a_read_only_folder(reviews: Path) -> None:
    refused(train(reviews, Path("/proc/sys/run")), "/proc/sys/run", "--out")


def fail(number: int) -> Callable[..., Any]:
    def raise_it(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return raise_it


PLACES: dict[str, tuple[object, str]] = {
    "the texts and the ids": (StoreWriter, "append"),
    "the recipe": (Path, "write_text"),
    "the log": (RunLog, "write"),
    "the weights": (model_module, "save_file"),
}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("place", PLACES)
def test_a_disk_that_is_full_or_read_only(
    place: str, number: int, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*PLACES[place], fail(number))
        ended = train(reviews, tmp_path / "run")
        refused(ended)
    assert any(word in ended.err for word in ("disk", "space", "Read-only", "uota")), ended.err
    assert not (tmp_path / "run" / WORK).exists()
    assert not list(tmp_path.rglob("*.safetensors"))
    # What is there is enough to go on with, or nothing is there.
    more = ["--resume"] if (tmp_path / "run" / "recipe.toml").exists() else []
    assert train(reviews, tmp_path / "run", *more).code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_for_data(tmp_path: Path) -> None:
    refused(textladder("data", "languages", "--out", "/dev/full"), "/dev/full", "No space left")
    refused(textladder("data", "languages", "--out", tmp_path / "no" / "a.csv"), "a.csv")
    assert not list(tmp_path.iterdir())
