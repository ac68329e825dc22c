"""What is said of answers, from the best spans of each passage alone; needs no torch.

To the user answers are spans of the characters of his own passage, whatever tokens and units the model works
with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics import squad
from textladder.metrics.scores import Scores
from textladder.metrics.statistic import Statistic
from textladder.ragged import Example

NOTHING = np.float32(
    -1e9
)  # the logarithm of what has no share: finite, so that it can be compared and stored


class Found(NamedTuple):
    """What a model says of one question. The best K spans of its passage, the best first."""

    spans: NDArray[np.int64]  # [K, 2] characters, the end behind the last
    scores: NDArray[np.float32]  # [K]
    log_sum: NDArray[np.float32]  # [1] logarithm of the sum of exp(score) over all spans, not only these
    none: NDArray[np.float32]  # [1] score that there is no answer; [0] where every question has one

    @classmethod
    def of(cls, spans: Any, scores: Any, log_sum: Any, none: Any) -> list[Found]:
        """From tensors spans [B, K, 2], scores [B, K] (minus infinity where there is no span), log_sum [B]
        and none [B] or None."""
        spans, scores = spans.cpu().numpy(), scores.cpu().numpy().astype(np.float32)
        sums = np.maximum(log_sum.cpu().numpy().astype(np.float32), NOTHING)
        nones = np.zeros((len(sums), 0), np.float32) if none is None else none.cpu().numpy()[:, None]
        kept = np.isfinite(scores).sum(1)  # scores fall: what is no span comes last
        return [
            cls(spans[row, :count], scores[row, :count], sums[row : row + 1], nones[row].astype(np.float32))
            for row, count in enumerate(kept.tolist())
        ]


def merge(rows: Sequence[Found], number: int) -> Found:
    """What windows of one passage say, each of spans of its own, as one: the best of all; there is no answer
    only as far as the window that is least sure of that says so (Devlin et al. 2019 do the same)."""
    if len(rows) == 1:
        return rows[0]
    scores = np.concatenate([found.scores for found in rows])
    order = np.argsort(-scores, kind="stable")[:number]
    return Found(
        np.concatenate([found.spans for found in rows])[order],
        scores[order],
        np.logaddexp.reduce([found.log_sum for found in rows]).astype(np.float32),
        np.min([found.none for found in rows], axis=0),
    )


class Said(NamedTuple):
    """The answer that is given: characters of the passage, or None. confidence: the probability of it among
    all spans and, where a question may have no answer, none."""

    span: tuple[int, int] | None
    confidence: float


class Answering:
    """The part of a model of answers (`Span`) that begins where predicting ends."""

    labels: dict[str, Any]  # see `Span`
    answerable: bool  # whether every question of the training texts has an answer
    threshold: Any  # [] a tensor
    headline: str

    def read(self, texts: Sequence[Any]) -> list[Example]:
        """(passage, question) as Examples; these stay as they are."""
        return [one if isinstance(one, Example) else Example(tuple(one)) for one in texts]

    def said(self, found: Found) -> Said:
        best = float(found.scores[0]) if len(found.scores) else float(NOTHING)
        if not len(found.none):
            if not len(found.scores):
                return Said(None, 1.0)  # a passage without a token
            return Said(_bounds(found.spans[0]), _share(best, found))
        none = float(found.none[0])
        if not len(found.scores) or none - best > float(self.threshold):
            return Said(None, _share(none, found))
        return Said(_bounds(found.spans[0]), _share(best, found))

    def answers(self, found: Found) -> list[Said]:
        """The best spans, and that there is no answer where that may be, each with its probability, the most
        probable first."""
        listed = [
            Said(_bounds(span), _share(float(score), found))
            for span, score in zip(found.spans, found.scores, strict=True)
        ]
        if len(found.none):
            listed.append(Said(None, _share(float(found.none[0]), found)))
        return sorted(listed, key=lambda one: -one.confidence)

    def present(self, outcomes: list[Found], texts: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """{"question", "answer" (null: none), "start", "end" (characters of the passage), "confidence",
        "n_best" [{"answer", "start", "end", "confidence"}]}."""
        records = []
        for found, example in zip(outcomes, self.read(texts), strict=True):
            passage, question = example.texts
            records.append(
                {
                    "question": question,
                    **_record(self.said(found), passage),
                    "n_best": [_record(said, passage) for said in self.answers(found)],
                }
            )
        return records

    def judged(self, outcomes: list[Found], examples: Sequence[Example]) -> list[dict[str, Any]]:
        """{"gold" and "predicted" spans of characters, "answers" and "answer" (their texts), "confidence",
        "exact_match", "answer_f1"}."""
        judged = self._judged(outcomes, examples)
        records = []
        for found, example, one in zip(outcomes, examples, judged, strict=True):
            said, passage = self.said(found), example.texts[0]
            records.append(
                {
                    "gold": [list(span) for span in example.target],
                    "predicted": None if said.span is None else list(said.span),
                    "answers": [passage[slice(*span)] for span in example.target],
                    "answer": _text(said, passage),
                    "confidence": _rounded(said.confidence),
                    "exact_match": one.exact,
                    "answer_f1": _rounded(one.f1),
                }
            )
        return records

    def score(self, outcomes: list[Found], examples: Sequence[Example]) -> Scores:
        if not len(examples):
            raise Problem("score", "there are no questions to score.", "Give at least one with its answers.")
        return squad.score(
            self._judged(outcomes, examples),
            [self.said(found).span is not None for found in outcomes],
            [example.texts[1] for example in examples],
            metric=self.headline,
            rules=self._rules(examples),
        )

    def statistic(self, outcomes: list[Found], examples: Sequence[Example]) -> Statistic:
        return squad.statistic(self._judged(outcomes, examples), self.headline)

    def item_losses(self, outcomes: list[Found], examples: Sequence[Example]) -> NDArray[np.float64]:
        """[n] what a question's answer lacks of F1, times its confidence."""
        sure = np.array([self.said(found).confidence for found in outcomes], np.float64)
        return sure * (1 - np.array([one.f1 for one in self._judged(outcomes, examples)], np.float64))

    def best_threshold(self, outcomes: list[Found], examples: Sequence[Example]) -> float:
        """The number that no answer's score must have more than the best span's for which the headline is
        highest on these questions; of equals the one nearest to 0."""
        column = {"exact_match": 0, "answer_f1": 1}[self.headline]
        gains, margins = [], []  # what saying "no answer" gains, and the threshold from which it is not said
        for found, example in zip(outcomes, examples, strict=True):
            if not len(found.scores):
                continue
            passage, golds = example.texts[0], _golds(example)
            spoken = squad.judge(passage[slice(*found.spans[0])], golds, "2.0")[column]
            gains.append(float(squad.judge("", golds, "2.0")[column]) - float(spoken))
            margins.append(float(found.none[0]) - float(found.scores[0]))
        if not margins:
            return 0.0
        order = np.argsort(margins, kind="stable")
        rising = np.array(margins)[order]
        # After place k no answer is said of those from k on.
        totals = np.append(np.cumsum(np.array(gains)[order][::-1])[::-1], 0.0)
        places = np.concatenate([[rising[0] - 1], (rising[:-1] + rising[1:]) / 2, [rising[-1] + 1]])
        distinct = np.concatenate([[True], rising[:-1] < rising[1:], [True]])
        best = distinct & (totals >= totals[distinct].max() - 1e-9)
        at = np.flatnonzero(best)
        return float(places[at[np.argmin(np.abs(places[at]))]])

    def _rules(self, examples: Sequence[Example]) -> squad.Rules:
        return "1.1" if self.answerable and all(example.target for example in examples) else "2.0"

    def _judged(self, outcomes: list[Found], examples: Sequence[Example]) -> list[squad.Judgement]:
        rules = self._rules(examples)
        return [
            squad.judge(_text(self.said(found), example.texts[0]) or "", _golds(example), rules)
            for found, example in zip(outcomes, examples, strict=True)
        ]


def _golds(example: Example) -> list[str]:
    return [example.texts[0][slice(*span)] for span in example.target]


def _bounds(span: NDArray[np.int64]) -> tuple[int, int]:
    return int(span[0]), int(span[1])


def _share(score: float, found: Found) -> float:
    """The probability of a score among all spans and no answer."""
    whole = np.logaddexp.reduce(np.concatenate([found.log_sum, found.none]), dtype=np.float64)
    return float(min(np.exp(score - whole), 1.0))


def _text(said: Said, passage: str) -> str | None:
    return None if said.span is None else passage[slice(*said.span)]


def _record(said: Said, passage: str) -> dict[str, Any]:
    start, end = said.span or (None, None)
    return {
        "answer": _text(said, passage),
        "start": start,
        "end": end,
        "confidence": _rounded(said.confidence),
    }


def _rounded(value: Any) -> float:
    return round(float(value), 6)
