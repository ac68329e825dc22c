"""What is said of vectors of pairs of texts, from these alone: how well a text finds what belongs to it, and
how near cosines are to scores; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics import regression, retrieval
from textladder.metrics.retrieval import Found, Lookup
from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Statistic
from textladder.ragged import Example
from textladder.tasks.labels import labels_of
from textladder.tasks.scored import numbers_of

DIGITS = 6


class Searched:
    """The part of `Embed` that begins where predicting ends. An outcome is the vectors of both texts of a
    pair, of length 1, [n, 2, D]; or that of one text, [n, D].

    Each text that belongs to another one is looked for among all second texts of the part
    (`metrics.retrieval`). Where pairs have scores, cosines are correlated with them; on the scale of the
    scores a cosine of 0 is its low end, and of 1 its high end.
    """

    config: Any  # Embed.Config
    labels: dict[str, Any]
    headline: str

    @property
    def correlated(self) -> bool:
        """Whether the headline is a correlation with scores."""
        return self.headline in regression.HEADLINES

    @property
    def close_from(self) -> float:
        """The number of the column "label" from which on two texts belong together: 1 for 0 or 1; of scores,
        the share `close_share` of the way up their scale."""
        if self.labels["kind"] != "score":
            return 1.0
        low, high = self.labels["low"], self.labels["high"]
        return float(low + self.config.close_share * (high - low))

    def numbers(self, targets: Sequence[Any], wheres: Sequence[str]) -> NDArray[np.float64]:
        """[n] what the column "label" holds. Raises Problem for a score that is no number, for a missing
        label, and for one that training did not know."""
        kind = self.labels["kind"]
        if kind == "none":
            return np.ones(len(targets))
        if kind == "score":
            return numbers_of(targets, wheres)
        rows = [labels_of(target) or () for target in targets]
        known = self.labels["classes"]
        wrong = [n for n, row in enumerate(rows) if len(row) != 1 or row[0] not in known]
        if wrong:
            first = rows[wrong[0]]
            said = (
                f"the label {', '.join(map(repr, first))} was not in training"
                if first
                else "there is no label"
            )
            raise Problem(
                wheres[wrong[0]],
                f"{said} ({len(wrong):,} of {len(rows):,} rows; known: {', '.join(known[:8])}).",
                "Correct it; if all pairs belong together: --set task.kind=none",
            )
        return np.array([row[0] == self.labels["close"] for row in rows], np.float64)

    # Single texts, and pairs.

    def present(self, outcomes: NDArray[np.float32], texts: Any = ()) -> list[dict[str, Any]]:
        """{"vector"} of a text; of a pair also {"second", "cosine"}."""
        rounded = np.round(outcomes.astype(np.float64), DIGITS).tolist()
        if outcomes.ndim == 2:
            return [{"vector": row} for row in rounded]
        cosines = np.round(_cosines(outcomes), DIGITS).tolist()
        return [
            {"vector": first, "second": second, "cosine": cosine}
            for (first, second), cosine in zip(rounded, cosines, strict=True)
        ]

    def judged(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Where correlations decide {"score": the right one, "predicted", "loss", "cosine"} of each pair;
        else {"cosine", "rank"}, which is None but where a text is looked for, with what belongs to it
        ("gold"), what was found first ("predicted", "confidence": its cosine), "reciprocal_rank",
        "average_precision", "recall" and "loss"."""
        cosines = np.round(_cosines(outcomes), DIGITS).tolist()
        if self.correlated:
            golds, said = self._gold(examples), self._said(outcomes)
            rows = zip(golds.tolist(), said.tolist(), cosines, strict=True)
            return [
                {"score": gold, "predicted": round(number, DIGITS), "loss": round(abs(gold - number), DIGITS)}
                | {"cosine": cosine}
                for gold, number, cosine in rows
            ]
        lookup, found = self._search(outcomes, examples)
        records: list[dict[str, Any]] = [{"cosine": cosine, "rank": None} for cosine in cosines]
        texts = _seconds(examples, lookup.candidates[np.concatenate([found.best, lookup.place])])
        bounds = np.searchsorted(lookup.owner, np.arange(len(found.rank) + 1)).tolist()
        for query, row in enumerate(lookup.queries.tolist()):
            right = lookup.candidates[lookup.place[bounds[query] : bounds[query + 1]]].tolist()
            rank = int(found.rank[query])
            records[row] |= {
                "rank": rank,
                "gold": [texts[place] for place in right],
                "predicted": texts[int(lookup.candidates[found.best[query]])],
                "confidence": round(float(np.clip(found.best_score[query], 0, 1)), DIGITS),
                "reciprocal_rank": 1 / rank,
                "average_precision": float(found.average_precision[query]),
                "recall": found.recall[query].tolist(),
                "loss": 1 - 1 / rank,
            }
        return records

    def score(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Scores:
        """Every metric by name. Raises Problem where no two texts belong together, and, of scores, for one
        that is no number."""
        if not len(examples):
            raise Problem("score", "there is nothing to score.", "Give at least one pair.")
        values: dict[str, float] = {}
        scored, correlated = self.labels["kind"] == "score", self.correlated
        count, signatures = len(examples), list[str]()
        if scored:
            values |= regression.score(self._said(outcomes), self._gold(examples)).values
            name = self.headline if correlated else regression.HEADLINES[0]
            signatures.append(sign(name, pairs=count, of="cosine"))
        if not correlated or self._close(examples).any():
            lookup, found = self._search(outcomes, examples)
            values |= {name: float(found.values(name).mean()) for name in retrieval.HEADLINES}
            name = retrieval.HEADLINES[0] if correlated else self.headline
            signatures.append(retrieval.signature(lookup, name))
            if not correlated:
                count = len(lookup.queries)
        # That of the headline first.
        signature = "; ".join(signatures if correlated else signatures[::-1])
        return Scores(self.headline, values, signature, count)

    def statistic(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Statistic:
        """Of pairs where correlations decide, else of the texts that are looked for."""
        if self.correlated:
            return regression.statistic(self._said(outcomes), self._gold(examples), self.headline)
        return retrieval.statistic(self._search(outcomes, examples)[1], self.headline)

    def item_losses(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> NDArray[np.float64]:
        """[n] how far off the score is; or 1 - 1 / rank where a text is looked for, 0 elsewhere."""
        if self.correlated:
            return np.abs(self._said(outcomes) - self._gold(examples))
        lookup, found = self._search(outcomes, examples)
        losses = np.zeros(len(examples))
        losses[lookup.queries] = 1 - found.values("mrr")
        return losses

    def _search(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> tuple[Lookup, Found]:
        close = self._close(examples)
        if not close.any():
            where = examples[0].where.rpartition(":")[0] or "score"
            raise Problem(where, *self.none_close)
        lookup = Lookup.of(((e.texts[0], e.texts[1]) for e in examples), close)
        return lookup, retrieval.search(lookup, outcomes[lookup.queries, 0], outcomes[lookup.candidates, 1])

    @property
    def none_close(self) -> tuple[str, str]:
        """What is said, and to be done, where no two texts belong together."""
        if self.labels["kind"] == "score":
            what = f"no pair has a score of {self.close_from:g} or more, from which on texts belong together."
            return what, "Give other pairs, or set task.close_share lower."
        what = f"no pair has the label {self.labels['close']!r}, so that no text has anything to find."
        return (
            what,
            "Give pairs of texts that belong together, or name their label with --set task.close=LABEL",
        )

    def _close(self, examples: Sequence[Example]) -> NDArray[np.bool_]:
        return self._gold(examples) >= self.close_from

    def _gold(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        told = [(example.target, example.where) for example in examples]  # read once, maybe from disk
        return self.numbers([target for target, _ in told], [where for _, where in told])

    def _said(self, outcomes: NDArray[np.float32]) -> NDArray[np.float64]:
        low, high = self.labels["low"], self.labels["high"]
        said: NDArray[np.float64] = low + (high - low) * _cosines(outcomes)
        return said


def _cosines(outcomes: NDArray[np.float32]) -> NDArray[np.float64]:
    """[n] of both texts of each pair."""
    return np.einsum("nd,nd->n", outcomes[:, 0], outcomes[:, 1]).astype(np.float64)


def _seconds(examples: Sequence[Example], rows: NDArray[np.int64]) -> dict[int, str]:
    """The second texts of some rows, read in one pass."""
    wanted = set(rows.tolist())
    return {row: example.texts[1] for row, example in enumerate(examples) if row in wanted}
