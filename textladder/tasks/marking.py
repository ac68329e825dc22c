"""What is said of tagged tokens, from the tags of each text alone; needs no torch.

To the user tags are spans of the characters of his own text, whatever tokens and units the model works with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics import tagging
from textladder.metrics.calibration import reliability
from textladder.metrics.chunks import chunks
from textladder.metrics.scores import Scores
from textladder.metrics.statistic import Statistic
from textladder.ragged import Example
from textladder.text.schemes import Span, TagSet


class Said(NamedTuple):
    """tags: [T] numbers of tags; sure: [T] their probabilities."""

    tags: NDArray[np.int64]
    sure: NDArray[np.float32]


class Marking:
    """The part of a tagger (`Tag`) that begins where predicting ends."""

    labels: dict[str, Any]  # see `Tag`
    names: list[str]
    index: dict[str, int]  # of names
    tags: TagSet
    spans: bool  # whether tags write spans
    headline: str

    def read(self, texts: Sequence[Any]) -> list[Example]:
        raise NotImplementedError

    def spans_of(self, said: Said, tokens: Sequence[Any]) -> list[tuple[int, int, str, float]]:
        """Spans of characters with their labels, and the probability of the least sure tag in each. Tags that
        do not follow each other are read by conlleval's rule."""
        firsts = np.zeros(len(said.tags), np.bool_)
        found = chunks(self.tags.prefixes[said.tags], self.tags.types[said.tags], firsts)
        return [
            (int(tokens[a][0]), int(tokens[b - 1][1]), self.names[kind], _rounded(said.sure[a:b].min()))
            for a, b, kind in found.tolist()
        ]

    def present(self, outcomes: list[Said], texts: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """{"text", "spans" [{start, end, text, label, confidence}], "tokens" [[start, end]], "tags"}: places
        in characters."""
        records = []
        for said, example in zip(outcomes, self.read(texts), strict=True):
            text, tokens = example.texts[0], example.tokens or ()
            spans = self.spans_of(said, tokens)
            records.append(
                {
                    "text": text,
                    "spans": [
                        {"start": a, "end": b, "text": text[a:b], "label": label, "confidence": sure}
                        for a, b, label, sure in spans
                    ],
                    "tokens": [list(bounds) for bounds in tokens],
                    "tags": [self.tags.names[tag] for tag in said.tags.tolist()],
                }
            )
        return records

    def judged(self, outcomes: list[Said], examples: Sequence[Example]) -> list[dict[str, Any]]:
        """{"tokens", "gold" and "predicted" spans, "confidence" of the least sure token, "loss", "counts"
        (`metrics.tagging.COUNTS`)}."""
        golds = self._golds(outcomes, examples)
        losses = _losses(outcomes, golds)
        return [
            {
                "tokens": [list(bounds) for bounds in example.tokens or ()],
                "gold": [list(span) for span in example.target],
                "predicted": [list(span) for span in self.spans_of(said, example.tokens or ())],
                "confidence": _rounded(said.sure.min(initial=1.0)),
                "loss": _rounded(loss),
                "counts": counts.tolist(),
            }
            for said, example, loss, counts in zip(
                outcomes, golds.examples, losses, golds.counts, strict=True
            )
        ]

    def score(self, outcomes: list[Said], examples: Sequence[Example]) -> Scores:
        golds = self._golds(outcomes, examples)
        labels = len(golds.names) + self.spans
        confusion = np.bincount(golds.types * labels + golds.said, minlength=labels * labels).reshape(
            labels, labels
        )
        return tagging.score(
            golds.counts,
            golds.found,
            golds.there,
            confusion,
            reliability(_sure(outcomes), golds.right),
            metric=self.headline,
            labels=self.names,
            names=golds.names,
            scheme=self.labels["scheme"] if self.spans else "none",
            unseen=golds.names[len(self.names) :],
        )

    def statistic(self, outcomes: list[Said], examples: Sequence[Example]) -> Statistic:
        return tagging.statistic(self._golds(outcomes, examples).counts, self.headline)

    def item_losses(self, outcomes: list[Said], examples: Sequence[Example]) -> NDArray[np.float64]:
        """[n] the probabilities of a text's wrong tags, summed."""
        return _losses(outcomes, self._golds(outcomes, examples))

    def sure_and_right(
        self, outcomes: list[Said], examples: Sequence[Example]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """[N] of each token how sure its tag is, and whether it is right."""
        return _sure(outcomes), self._golds(outcomes, examples).right

    def _golds(self, outcomes: list[Said], examples: Sequence[Example]) -> Judged:
        if not len(examples):
            raise Problem("score", "there are no texts to score.", "Give at least one tagged text.")
        read = [e if e.tokens is not None else self.read([e])[0] for e in examples]
        names, index = list(self.names), dict(self.index)
        offsets = np.append(0, np.cumsum([len(e.tokens or ()) for e in read])).astype(np.int64)
        there = []
        for example, first in zip(read, offsets[:-1].tolist(), strict=True):
            for start, end, label in of_tokens(example.target, example.tokens or (), example.where):
                if label not in index:
                    index[label] = len(names)
                    names.append(label)
                there.append((first + start, first + end, index[label]))
        gold = np.array(there, np.int64).reshape(-1, 3)
        flat = np.concatenate([said.tags for said in outcomes]) if outcomes else np.zeros(0, np.int64)
        firsts = np.zeros(len(flat), np.bool_)
        firsts[offsets[:-1][offsets[1:] > offsets[:-1]]] = True
        found = chunks(self.tags.prefixes[flat], self.tags.types[flat], firsts)
        # As tags of the model's scheme both are compared; so a span of an unknown label has wrong tags.
        wide = TagSet(names, self.tags.scheme)
        gold_tags = wide.of_spans(gold.tolist(), len(flat), firsts)
        said_tags = wide.of_spans(found.tolist(), len(flat), firsts) if self.spans else flat
        right = gold_tags == said_tags
        outside = len(names)
        types = np.where(wide.types[gold_tags] < 0, outside, wide.types[gold_tags])
        said = np.where(wide.types[said_tags] < 0, outside, wide.types[said_tags])
        counts = tagging.count_sentences(offsets, right, found, gold)
        return Judged(read, names, offsets, counts, found, gold, right, types, said)


class Judged(NamedTuple):
    """Outcomes beside what is right. offsets: of the tokens of all texts; types, said: [N] the gold and the
    predicted label of each token, the last number for none."""

    examples: Sequence[Example]
    names: list[str]  # the model's labels, then those that only these texts have
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    found: NDArray[np.int64]
    there: NDArray[np.int64]
    right: NDArray[np.bool_]
    types: NDArray[np.int64]
    said: NDArray[np.int64]


def _sure(outcomes: list[Said]) -> NDArray[np.float32]:
    return np.concatenate([said.sure for said in outcomes]) if outcomes else np.zeros(0, np.float32)


def _losses(outcomes: list[Said], golds: Judged) -> NDArray[np.float64]:
    lost = np.append(0, np.cumsum(np.where(golds.right, 0, _sure(outcomes)), dtype=np.float64))
    return lost[golds.offsets[1:]] - lost[golds.offsets[:-1]]


def of_tokens(spans: Iterable[Span], tokens: Sequence[Any], where: str) -> list[Span]:
    """Spans of characters as spans of tokens. Raises Problem for one that lies on no whole tokens."""
    starts = {bounds[0]: number for number, bounds in enumerate(tokens)}
    ends = {bounds[1]: number + 1 for number, bounds in enumerate(tokens)}
    try:
        return [(starts[start], ends[end], label) for start, end, label in spans]
    except KeyError:
        wrong = next(span for span in spans if span[0] not in starts or span[1] not in ends)
        raise Problem(
            where or "text", f"the span {wrong} does not lie on whole tokens.", "Correct it, or the tokens."
        ) from None


def _rounded(value: Any) -> float:
    return round(float(value), 6)
