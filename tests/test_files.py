"""Writing: in one step, one run at a time, and with the system's refusals in words."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError

from textladder.errors import Problem
from textladder.files import WORK, locked, write_text, writing


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "quota"), "quota"),
        (OSError(errno.EROFS, "read-only"), "read-only"),
        (PermissionError(errno.EACCES, "denied"), "may not be written to"),
        (NotADirectoryError(errno.ENOTDIR, "not a directory"), "is a file, not a folder"),
        (OSError(errno.ENAMETOOLONG, "too long"), "cannot be written"),
        (
            SafetensorError("Error while serializing: IoError: No space left on device (os error 28)"),
            "disk is full",
        ),
    ],
)
def test_what_the_system_refuses_is_said(error: Exception, what: str) -> None:
    with pytest.raises(Problem) as caught, writing(Path("runs/a")):
        raise error
    assert caught.value.where == "runs/a"
    assert what in caught.value.what
    assert caught.value.next_step


@pytest.mark.parametrize(
    "error", [BrokenPipeError(errno.EPIPE, "pipe"), SafetensorError("bad"), ValueError("x")]
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)), writing(Path("a")):
        raise error


def test_write_text_replaces_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made" / "a.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(Problem, match="disk is full"):
        write_text(path, "three")
    assert path.read_text(encoding="utf-8") == "two"


def test_one_run_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with locked(folder), (folder / ".lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not folder.exists()  # it was made here, and nothing was put into it


def test_a_problem_takes_only_the_working_files(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("{}", encoding="utf-8")
    (tmp_path / WORK).mkdir()
    (tmp_path / WORK / "ids").write_text("x", encoding="utf-8")
    with pytest.raises(Problem), locked(tmp_path):
        raise Problem("a", "b.", "c")
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_an_interrupt_keeps_the_working_files(tmp_path: Path) -> None:
    (tmp_path / WORK).mkdir()
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == [WORK]
