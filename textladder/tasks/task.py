"""What a task promises. One task per file beside this one; `TASKS` in `__init__.py` names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from textladder.batch import Batch, Encoded, Example, Loss, Ragged, Tokens

if TYPE_CHECKING:
    from textladder.metrics.scores import Scores
    from textladder.text.tokenizing import Tokenizer

Encode = Callable[[Tokens], Encoded]


class Task(nn.Module):
    """Labels, head, loss, prediction and score. A task is given `encode`, a function; it never sees an encoder.

    Built as `Cls(config, dim, labels)`: `dim` is the width of the encoder's vectors, `labels` what `learn` found.
    """

    @dataclass(frozen=True)
    class Config:
        pass

    headline: ClassVar[str]  # the metric that choices are made by
    higher_is_better: ClassVar[bool] = True
    needs_causal: ClassVar[bool] = False

    def __init__(self, config: Any, dim: int, labels: Any) -> None:
        super().__init__()
        self.config, self.labels = config, labels

    @staticmethod
    def learn(examples: Iterable[Example], config: Any) -> Any:
        """What must be known before a model can be built (the labels), from training examples only; JSON-able."""
        raise NotImplementedError

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        """Examples to ragged integer columns: what is kept in the store. The key "text" is what batches are
        measured by."""
        raise NotImplementedError

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """Rows of those columns to one batch of tensors."""
        raise NotImplementedError

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        raise NotImplementedError

    def predict(self, encode: Encode, batch: Batch) -> Any:
        """Outcomes, one per text, as an array or list in the order of the batch."""
        raise NotImplementedError

    def score(self, outcomes: Any, examples: Sequence[Example]) -> Scores:
        """What the user is told: every metric by name, from gathered outcomes and the examples they belong to."""
        raise NotImplementedError
