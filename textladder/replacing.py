"""A folder whose content is replaced only when what comes instead is known to be good."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from textladder.errors import Problem
from textladder.files import WORK, write_text, writing

# Where things are while nothing of them is lost: ASIDE holds all that was there; MOVING some of it, the rest
# is still, or again, in its place; GONE only waits to be removed. A kill leaves one of these states.
ASIDE, MOVING, GONE = ".replaced", ".replaced.moving", ".replaced.gone"


@dataclass(frozen=True)
class Kind:
    """What a folder of a kind ("a run") holds. names: all that is ever in it. mark: the one of them that is
    written first, and says that the folder is of this kind. begun: those of which one is there as soon as
    there is something to lose."""

    what: str
    names: tuple[str, ...]
    mark: str
    begun: tuple[str, ...]


@contextmanager
def claimed(
    folder: Path, kind: Kind, content: str, overwrite: bool, check: Callable[[], None]
) -> Iterator[None]:
    """Makes `folder` one of this kind, with `content` in its mark. `check` is called, and may raise a
    Problem, if it is one already and is not overwritten.

    With overwrite what was there is put aside, and is there again if the block ends before `let_go`. If
    nothing has begun by then, nothing is left, so that the mended command is not refused. Problem if the
    folder holds what would be replaced and is not of this kind.
    """
    put_back(folder, kind.names)
    old = (folder / kind.mark).exists()
    others = [name for name in kind.names if not old and name != WORK and (folder / name).exists()]
    if others:
        raise Problem(
            str(folder),
            f"what is called {', '.join(others)} there is not of {kind.what}, and would be replaced.",
            "Give another --out, such as a new folder.",
        )
    if overwrite:
        put_aside(folder, kind.names)
    elif old:
        check()
    try:
        write_text(folder / kind.mark, content)
        yield
    finally:
        if (overwrite or not old) and not any((folder / name).exists() for name in kind.begun):
            for name in kind.names:
                _remove(folder / name)
        put_back(folder, kind.names)


def put_aside(folder: Path, names: Sequence[str]) -> None:
    """Move what `folder` holds of `names` out of the way, until `let_go` or `put_back`."""
    with writing(folder):
        (folder / MOVING).mkdir()
        for name in names:
            if (folder / name).exists():
                (folder / name).rename(folder / MOVING / name)
        (folder / MOVING).rename(folder / ASIDE)


def put_back(folder: Path, names: Sequence[str]) -> None:
    """If something was put aside and not let go (by this process or by one that was killed): what has come
    instead is removed, and all is as it was before."""
    with writing(folder):
        shutil.rmtree(folder / GONE, ignore_errors=True)
        if (folder / ASIDE).exists():
            for name in names:
                _remove(folder / name)
            (folder / ASIDE).rename(folder / MOVING)
        if (folder / MOVING).exists():
            for path in list((folder / MOVING).iterdir()):
                path.rename(folder / path.name)
            (folder / MOVING).rmdir()


def let_go(folder: Path) -> None:
    """Remove what was put aside; nothing comes back from here on."""
    if (folder / ASIDE).exists():
        with writing(folder):
            (folder / ASIDE).rename(folder / GONE)
        shutil.rmtree(folder / GONE, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
