"""A folder whose content is replaced only when what comes instead is known to be good."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from textladder.files import writing

# Where things are while nothing of them is lost: ASIDE holds all that was there; MOVING some of it, the rest
# is still, or again, in its place; GONE only waits to be removed. A kill leaves one of these states.
ASIDE, MOVING, GONE = ".replaced", ".replaced.moving", ".replaced.gone"


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
