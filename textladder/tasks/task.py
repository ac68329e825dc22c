"""What a task promises. One task per file beside this one; `TASKS` in `__init__.py` names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from textladder.batch import Batch, Encoded, Example, Loss, Ragged, Tokens
from textladder.text.overlong import CutReport, shorten

if TYPE_CHECKING:
    from textladder.decoders.decoder import Decoder
    from textladder.metrics.scores import Scores
    from textladder.metrics.statistic import Statistic
    from textladder.text.tokenizing import Tokenizer

Encode = Callable[[Tokens], Encoded]
# Texts with labels, text that runs on, tagged tokens, two texts with a label, passages with questions, texts
# with what they become, two texts that belong together (or how much).
Reads = Literal["rows", "documents", "sentences", "pairs", "questions", "translations", "matches"]


@dataclass(frozen=True)
class Rows:
    """Texts as columns of numbers, over-long ones treated as asked. owner: [rows] the text that each row is
    of; cut: what was done to over-long texts."""

    columns: dict[str, Ragged]
    owner: NDArray[np.int64]
    cut: CutReport


class Task(nn.Module):
    """Labels, head, loss, prediction and score. It is given `encode`, a function, never an encoder.

    Built as `Cls(config, dim, labels)`: `dim` is the width of encoder vectors, `labels` is from `learn`.
    """

    @dataclass(frozen=True)
    class Config:
        pass

    headline: str  # the metric that choices are made by; it may depend on config and labels
    higher_is_better: bool = True
    needs_causal: ClassVar[bool] = False
    reads: ClassVar[Reads] = "rows"  # what files are read as
    threads_pay: bool = False  # as of `Encoder`: it has wide operations of its own
    streams: ClassVar[bool] = False  # trained on text that runs on (`text.windowing`): what reads documents
    marks: ClassVar[bool] = False  # targets are places in the texts (`Corpus.marked`)
    texts_a_row: ClassVar[int] = 1  # that the encoder reads for each row of a batch
    asked_of: ClassVar[int] = 0  # texts that one prediction is of, if not `texts_a_row`
    labels_texts: ClassVar[bool] = False  # True: the column "label" holds label ids of whole texts
    writes: ClassVar[bool] = False  # True: with a decoder, which it is given by `equip`
    judged_together: ClassVar[bool] = False  # True: `judged` needs all outcomes of a part at once
    measured_by: ClassVar[tuple[str, ...]] = ("text",)  # columns whose lengths say which rows are alike

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.streams = cls.reads == "documents"
        cls.marks = cls.reads in ("sentences", "questions")

    def __init__(self, config: Any, dim: int, labels: Any) -> None:
        super().__init__()
        self.config, self.labels = config, labels

    @staticmethod
    def learn(examples: Iterable[Example], config: Any, times: Iterable[int] | None = None) -> Any:
        """What a model is built with (the labels), from training examples only; JSON-able. times: how many
        texts each example stands for (None: one)."""
        raise NotImplementedError

    @staticmethod
    def units(vocabulary: Sequence[str], labels: Any) -> Sequence[str]:
        """The units that an encoder has vectors for: the tokenizer's, and after them the task's own."""
        return vocabulary

    @staticmethod
    def spelled(labels: Any, tokenizer: Tokenizer, targets: Iterable[Ragged]) -> Any:
        """Of a task that writes: its labels with what is learned of how units are written, from the training
        texts that are to be written (UTF-8), in chunks."""
        raise NotImplementedError

    def equip(self, decoder: Decoder, tokenizer: Tokenizer) -> None:
        """Called once, before `tie`, of a task that writes."""
        raise NotImplementedError

    def quickly(self) -> AbstractContextManager[None]:
        """Inside, `predict` may take a cheaper way: for the many checks on dev while a model is trained."""
        return nullcontext()

    @staticmethod
    def tokens_of(
        examples: Sequence[Example], config: Any
    ) -> Iterable[tuple[Sequence[str], Sequence[Sequence[tuple[int, int]]]]]:
        """Of tasks that mark places (`marks`): texts with their tokens, which a tokenizer learns from; a text
        that stands in several examples may come once."""
        raise NotImplementedError

    def tie(self, embedding: nn.Embedding | None) -> None:
        """Called once with the encoder's table of units, by a task's wish shared with its head."""

    def read(self, texts: Any) -> Any:
        """Texts as the user gives them, as this task takes them: `rows` and `present` are given what it
        returns."""
        return texts

    def rows(self, texts: Any, tokenizer: Tokenizer, where: str | Sequence[str] = "text") -> Rows:
        """Texts to what a batch is made of. texts: strings, or UTF-8 bytes as a Ragged, or what `read`
        returns; `where` names them in messages, all together or each."""
        short = shorten(tokenizer.encode(texts), tokenizer.config, where)
        return Rows({"text": short.ids}, short.owner, short.cut)

    def merged(self, outcomes: Any, owner: NDArray[np.int64], count: int) -> Any:
        """Rows of one text -> one outcome: the mean over them."""
        if len(outcomes) == count:
            return outcomes
        sums = np.zeros((count, *outcomes.shape[1:]), np.float64)
        np.add.at(sums, owner, outcomes)
        rows = np.bincount(owner, minlength=count).reshape(-1, *[1] * (outcomes.ndim - 1))
        return (sums / rows).astype(outcomes.dtype)

    def joined(self, parts: Sequence[Any]) -> Any:
        """Outcomes of some texts, then of others, as those of all."""
        return np.concatenate(parts)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        """Examples to ragged integer columns: what is kept in the store. The key "text" is what batches are
        measured by."""
        raise NotImplementedError

    def targets(self, targets: Sequence[Any], wheres: Sequence[str]) -> Ragged:
        """Targets of Examples as ragged integers, the column "label" of the store. Raises Problem, with the
        place of `wheres`, for one that training did not know."""
        raise NotImplementedError

    def check(self, golds: Sequence[Example], name: str) -> list[str]:
        """What is to be said of the targets of a part, dev or test. Raises Problem for those that cannot be
        scored."""
        self.targets([gold.target for gold in golds], [gold.where for gold in golds])
        return []

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """Rows of those columns to one batch of tensors."""
        raise NotImplementedError

    def proceed(self, done: float) -> None:
        """Called before each training step: so much of the steps that are scheduled is done, from 0 to 1."""

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        raise NotImplementedError

    def predict(self, encode: Encode, batch: Batch) -> Any:
        """Outcomes, one per text, as an array or list in the order of the batch."""
        raise NotImplementedError

    def score(self, outcomes: Any, examples: Sequence[Example]) -> Scores:
        """What the user is told: every metric by name, from gathered outcomes and their examples."""
        raise NotImplementedError

    def finish(self, outcomes: Any, examples: Sequence[Example]) -> None:
        """Called once, after training, with the dev examples and what the model to be saved says of them.

        What is chosen on dev (temperature, thresholds) goes into buffers, so into the saved model. Outcomes
        predicted earlier are out of date afterwards. Every process calls it with the same outcomes.
        """

    @property
    def settles(self) -> bool:
        """Whether it has something to count of the trained encoder's vectors of the training texts."""
        return False

    def settle(self, encode: Encode, batches: Iterator[Batch]) -> None:
        """Called once where `settles`, after training and before `finish`, with the training texts in batches
        of any order: what is counted goes into buffers. Every process calls it with all of them."""
        raise NotImplementedError

    def present(self, outcomes: Any, texts: Any = ()) -> list[dict[str, Any]]:
        """One JSON-able record per text, in the user's words: what `predict --json` prints. texts: what
        `read` made of them, for tasks that speak of places in a text."""
        raise NotImplementedError

    def judged(self, outcomes: Any, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """One JSON-able record per text with the right answer beside the given one: a line of
        predictions.jsonl."""
        raise NotImplementedError

    def statistic(self, outcomes: Any, examples: Sequence[Example]) -> Statistic:
        """The headline as a Statistic of the texts: `metrics.intervals` gives its interval, `metrics.paired`
        sets it against another system's. Its value is that of `score(...).headline`."""
        raise NotImplementedError

    def item_losses(self, outcomes: Any, examples: Sequence[Example]) -> NDArray[np.float64]:
        """[n] how wrong the outcome of each text is: the highest are the hardest texts."""
        raise NotImplementedError
