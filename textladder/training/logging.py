"""log.jsonl: one JSON object per line, always; TensorBoard beside it where that is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from textladder.files import write_text


class RunLog:
    """write(event="step", step=..., ...) appends a line, at once on disk. What an earlier sitting logged
    after `step`, from which the run goes on, is dropped first: it will be logged again."""

    def __init__(self, folder: Path, step: int) -> None:
        path = folder / "log.jsonl"
        write_text(path, "".join(line + "\n" for line in _lines(path) if json.loads(line)["step"] <= step))
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, **event: Any) -> None:
        self._file.write(json.dumps(event) + "\n")
        if self._board is not None:
            for name, value in event.items():
                if isinstance(value, (int, float)) and name not in ("step", "best"):
                    self._board.add_scalar(f"{event['event']}/{name}", value, event["step"])
            for layer, norm in (event.get("gradient_norms") or {}).items():
                self._board.add_scalar(f"gradient_norm/{layer}", norm, event["step"])

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def _lines(path: Path) -> list[str]:
    """The whole lines of a log: a kill may have cut the last one short."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1] if path.exists() else []
