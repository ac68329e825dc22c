"""A model from a folder, of whatever kind it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textladder.files import read_json
from textladder.model import Model, find_model

if TYPE_CHECKING:
    from textladder.counted import CountedModel


def load_model(path: Path | str, device: str = "cpu") -> Model | CountedModel:
    """A model from its folder, from a run folder, or from a compare folder (its pick); counted ones are used
    on the processor, whatever `device`. Raises Problem as their `load` does."""
    folder = find_model(Path(path))
    if "ngrams" in read_json(folder / "model.json"):
        from textladder.counted import CountedModel

        return CountedModel.load(folder)
    return Model.load(folder, device)
