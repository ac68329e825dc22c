"""log.jsonl: one JSON object per line, always; TensorBoard beside it where that is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any


class RunLog:
    """write(event="step", step=..., ...) appends a line, at once on disk."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8", buffering=1)
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))

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
