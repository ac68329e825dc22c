"""Texts to vectors: those that belong together are near each other, so that one finds the other. What is said
of vectors afterwards: `searched`; the losses: `contrast`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from textladder.batch import Batch, Example, Loss, Ragged, Tokens
from textladder.errors import Problem, suggest
from textladder.ragged import Pairs
from textladder.ranges import Count, Share
from textladder.tasks import several
from textladder.tasks.contrast import Negatives, Side, cosine_of_labels, cosine_of_scores, info_nce, triplet
from textladder.tasks.labels import labels_of, natural_order
from textladder.tasks.scored import learn_scale
from textladder.tasks.searched import Searched
from textladder.tasks.task import Encode, Rows, Task
from textladder.text.scores import are_scores

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer

# Labels that say by their name that two texts belong together.
CLOSE = {
    *("entailment", "entails", "paraphrase", "duplicate", "equivalent", "similar", "same", "match"),
    *("relevant", "positive", "true", "yes", "1"),
}
TINY = 1e-12  # square of a length below which a vector is zero


class Embed(Searched, Task):
    """The encoder's vector of a text, perhaps projected, perhaps without what is common to all texts, brought
    to length 1. A vector of zeros, as of an empty text, stays one.

    labels: {"kind", "labels": [], "texts"}; of classes also {"classes", "close": the label of texts that
    belong together}, of scores {"low", "high", ...} (`learn_scale`).
    """

    @dataclass(frozen=True)
    class Config:
        # What labels mean. none: all pairs belong together; labels: those with the label `close`; score: how
        # much. auto: none without labels; score where they have decimals.
        kind: Literal["auto", "none", "labels", "score"] = "auto"
        close: str | None = None  # label of texts that belong together; None: entailment, duplicate, 1, ...
        close_share: Share = 0.8  # of scores, how far up their scale texts begin to belong together
        # auto: info-nce, of scores cosine. info-nce and triplet are trained on texts that belong together.
        loss: Literal["auto", "info-nce", "triplet", "cosine"] = "auto"
        temperature: float = 0.05  # info-nce: cosines are divided by it
        symmetric: bool = True  # info-nce: second texts look for their first ones too
        margin: float = 0.2  # triplet: of squared distances; cosine: of texts that do not belong together
        negatives: Negatives = "hardest"  # triplet, without a third text: of the batch, the nearest or all
        projection_dim: Count = 0  # width of a linear map after the encoder; 0: none
        remove_components: Count = 0  # directions that most of all training texts share, taken out at the end
        # What weights and rungs are chosen by. auto: mrr, of scores spearman.
        metric: Literal[
            "auto", "mrr", "recall_at_1", "recall_at_5", "recall_at_10", "map", "pearson", "spearman"
        ] = "auto"

    components: Tensor  # [K, D] orthonormal, or zeros before `settle`

    reads = "matches"
    texts_a_row = 2
    asked_of = 1
    judged_together = True

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        scores = labels["kind"] == "score"
        if config.temperature <= 0 or config.margin < 0:
            where = "task.temperature" if config.temperature <= 0 else "task.margin"
            raise Problem(
                where, "it is out of its range.", "Give a temperature above 0, a margin of 0 or more."
            )
        self.loss_name = config.loss if config.loss != "auto" else "cosine" if scores else "info-nce"
        if self.loss_name == "cosine" and labels["kind"] == "none":
            what = "cosine needs texts that do not belong together: with none, all texts get one vector."
            raise Problem("task.loss", what, "Give labels or scores, or leave it out.")
        self.headline = config.metric if config.metric != "auto" else "spearman" if scores else "mrr"
        if self.correlated and not scores:
            what = f"{self.headline} is of scores, and the pairs have none."
            raise Problem("task.metric", what, "Set task.metric=mrr, or name the scores with --label.")
        self.dim = config.projection_dim or dim
        if config.remove_components >= self.dim > 1:
            what = f"{config.remove_components} of {self.dim} components leave nothing."
            raise Problem("task.remove_components", what, "Remove fewer: 1 is usual.")
        self.projection = nn.Linear(dim, self.dim, bias=False) if config.projection_dim else None
        self.register_buffer("components", torch.zeros(config.remove_components, self.dim))

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """What labels mean. Raises Problem where it is not plain which label says that texts belong together,
        where none has it, and where there is one pair."""
        listed = list(examples)
        counts = list(itertools.islice(times or itertools.repeat(1), len(listed)))
        where = listed[0].where.rpartition(":")[0] if listed else ""
        where = where or "training pairs"
        if sum(counts) < 2:
            what = "there is one pair only, and a text is learned by what tells it from others."
            raise Problem(where, what, "Give two pairs at least; some thousands are usual.")
        known = {label for example in listed for label in labels_of(example.target) or ()}
        kind = config.kind
        if kind == "auto":
            kind = "none" if not known else "score" if are_scores(known) else "labels"
        if kind == "score":
            return learn_scale(listed, counts)
        found: dict[str, Any] = {"kind": kind, "labels": [], "texts": sum(counts)}
        if kind == "none":
            return found
        return found | {
            "close": _close_label(known, config, where),
            "classes": sorted(known, key=natural_order),
        }

    # Texts to batches.

    def read(self, texts: Any) -> Any:
        """Single texts as they are; pairs, which are what `several.read_pairs` takes, as Pairs."""
        if isinstance(texts, (Pairs, Ragged)):
            return texts
        rows = list(texts)
        return rows if not rows or isinstance(rows[0], str) else several.read_pairs(rows, (2, 3))

    def rows(self, texts: Any, tokenizer: Tokenizer, where: str | Sequence[str] = "text") -> Rows:
        """Of single texts the column "text", of pairs those of `several`."""
        read = self.read(texts)
        if isinstance(read, Pairs):
            sides = [side for side in (read.first, read.second, read.negative) if side is not None]
            columns, cut = several.rows_of(sides, tokenizer, where)
        else:
            columns, cut = several.rows_of([read], tokenizer, where)
            del columns["lengths"]
        return Rows(columns, np.arange(len(read)), cut)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        """Those of `several`; "label", missing where no example has a target."""
        number = len(examples[0].texts) if examples else 2
        columns = several.joined(
            [tokenizer.encode([e.texts[side] for e in examples]) for side in range(number)]
        )
        if any(example.target is not None for example in examples):
            columns["label"] = self.targets([e.target for e in examples], [e.where for e in examples])
        return columns

    def targets(self, targets: Sequence[Any], wheres: Sequence[str]) -> Ragged:
        """A number for each pair: its score; or 1 where its texts belong together, 0 elsewhere."""
        numbers = self.numbers(targets, wheres)
        return Ragged(numbers.astype(np.float32), np.arange(len(numbers) + 1))

    def check(self, golds: Sequence[Example], name: str) -> list[str]:
        """Of train, which pairs belong together."""
        numbers = self.numbers([gold.target for gold in golds], [gold.where for gold in golds])
        if len(numbers) and not (numbers >= self.close_from).any():
            what, next_step = self.none_close
            if self.labels["kind"] != "score" or not self.correlated:
                raise Problem(name, what, next_step)
            return [f"{name}: {what.removesuffix('.')}: nothing is searched for."]
        return [self._together] if name == "train" else []

    @property
    def _together(self) -> str:
        kind = self.labels["kind"]
        if kind == "none":
            return "All pairs belong together (task.kind for labels that say otherwise)."
        if kind == "labels":
            return f"Pairs with the label {self.labels['close']!r} belong together (task.close for another)."
        return f"Pairs with a score from {self.close_from:g} on belong together (task.close_share)."

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """One input of the texts of all rows, those of a row next to each other. places: [n] equal numbers
        for equal texts, where there are targets."""
        labels, count = columns.get("label"), len(columns["text"])
        texts = several.texts_of(columns) if "lengths" in columns else columns["text"]
        tokens = Tokens.of(texts)
        if labels is None:
            return Batch((tokens,), None, count)
        target = torch.from_numpy(np.asarray(labels.flat, np.float32))
        together = self.loss_name != "cosine"
        return Batch((tokens,), target, count, torch.from_numpy(groups(texts)), together)

    # Training and predicting.

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        """Summed over pairs, those among them that do not belong together, and are no more than negatives of
        others, counted with 0."""
        (tokens,) = batch.inputs
        pooled = encode(tokens).pooled
        with torch.autocast(pooled.device.type, enabled=False):
            vectors = self._finished(pooled).unflatten(0, (batch.count, -1))  # [B, k, D]
            group = batch.places.unflatten(0, (batch.count, -1))
            sides = [Side(vectors[:, side], group[:, side]) for side in range(vectors.shape[1])]
            return Loss(self._loss(sides, batch.target), batch.count)

    def _loss(self, sides: Sequence[Side], target: Tensor) -> Tensor:
        config, close = self.config, target >= self.close_from
        first, second, *more = sides
        negative = more[0] if more else None
        if self.loss_name == "triplet":
            how: Any = {"negatives": config.negatives, "negative": negative}
            return triplet(first, second, close, config.margin, **how)
        if self.loss_name == "info-nce":
            how = {"symmetric": config.symmetric, "negative": negative}
            return info_nce(first, second, close, config.temperature, **how)
        if self.labels["kind"] == "score":
            low, high = self.labels["low"], self.labels["high"]
            total = cosine_of_scores(first.vectors, second.vectors, (target - low) / (high - low))
        else:
            total = cosine_of_labels(first.vectors, second.vectors, close, config.margin)
        if negative is None:
            return total
        never = torch.zeros_like(close)
        return total + cosine_of_labels(first.vectors, negative.vectors, never, config.margin)

    def _projected(self, pooled: Tensor) -> Tensor:
        """[n, D] in float32."""
        return pooled.float() if self.projection is None else self.projection(pooled.float())

    def _finished(self, pooled: Tensor) -> Tensor:
        """[n, D] of length 1."""
        vectors = self._projected(pooled)
        if len(self.components):
            vectors = vectors - vectors @ self.components.T @ self.components
        squares = (vectors * vectors).sum(1, keepdim=True)
        return vectors * torch.where(squares > TINY, squares.clamp(min=TINY).rsqrt(), 0)

    def predict(self, encode: Encode, batch: Batch) -> NDArray[np.float32]:
        """[B, D] of single texts, [B, 2, D] of pairs."""
        (tokens,) = batch.inputs
        with torch.no_grad():
            pooled = encode(tokens).pooled
            with torch.autocast(pooled.device.type, enabled=False):
                vectors = self._finished(pooled)
        found: NDArray[np.float32] = vectors.cpu().numpy()
        if len(tokens) == batch.count:
            return found
        return found.reshape(batch.count, -1, found.shape[1])[:, :2]

    @property
    def settles(self) -> bool:
        return len(self.components) > 0

    def settle(self, encode: Encode, batches: Iterator[Batch]) -> None:
        """Of the vectors of the training texts, before they have length 1, the directions along which the sum
        of squares is largest: their first principal components, about zero (Arora et al. 2017,
        https://openreview.net/forum?id=SyK00v5xx, algorithm 1)."""
        squares = np.zeros((self.dim, self.dim))
        for batch in batches:
            vectors = self._projected(encode(batch.inputs[0]).pooled).double().cpu().numpy()
            squares += vectors.T @ vectors
        _, axes = np.linalg.eigh(squares)  # [D, D], largest last
        largest = axes[:, ::-1][:, : len(self.components)].T
        self.components.copy_(torch.from_numpy(largest.copy()))


def groups(texts: Ragged) -> NDArray[np.int64]:
    """[n] the number of the first text with the same units."""
    flat, known = np.ascontiguousarray(texts.flat), dict[bytes, int]()
    bounds = pairwise(np.asarray(texts.offsets).tolist())
    return np.array([known.setdefault(flat[a:b].tobytes(), n) for n, (a, b) in enumerate(bounds)], np.int64)


def _close_label(known: set[str], config: Embed.Config, where: str) -> str:
    """The label of texts that belong together."""
    if config.close is not None:
        if config.close not in known:
            raise Problem(
                f"{where}, task.close",
                f"no pair has the label {config.close!r}.",
                suggest(config.close, known),
            )
        return config.close
    found = [label for label in known if label.casefold() in CLOSE]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(map(repr, sorted(known, key=natural_order)[:8]))
    raise Problem(
        where,
        f"it is not plain which label says that two texts belong together ({listed}).",
        "Name it with --set task.close=LABEL; if all pairs belong together: --set task.kind=none",
    )
