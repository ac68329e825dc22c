"""Texts beside the texts that they should be: BLEU, chrF and TER as sacrebleu counts them, ROUGE
(`metrics.rouge`), exact match; and how varied they are (`metrics.diversity`).

Each of the first is a function of sums over texts, so that intervals and paired tests resample texts and not
words. The counts of a text are sacrebleu's; the formulas over sums are written here so that thousands of
resamples are one computation, and tests hold them to sacrebleu's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.metrics import diversity, rouge
from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Floats, Function, Statistic

HEADLINES = ("bleu", "chrf", "exact_match", *rouge.NAMES)
ORDERS = 4  # of BLEU's n-grams
LETTERS = 6  # the longest of chrF's n-grams
BETA = 2.0  # of chrF: recall counts so many times as much


def score(
    said: Sequence[str], wanted: Sequence[str], *, metric: str, tokenize: str, unfinished: int = 0
) -> Scores:
    """bleu, chrf, ter and rouge_1, _2 and _l from 0 to 100 (of ter lower is better, and it may be more),
    exact_match, distinct_1 and distinct_2 from 0 to 1, length_ratio in words. tokenize: how sacrebleu cuts
    texts for BLEU. unfinished: texts that were cut at the longest length."""
    scorers = {name: _scorer(name, tokenize) for name in FORMULAS}
    sums = {name: counts(name, tokenize, tuple(said), tuple(wanted)).sum(0) for name in FORMULAS}
    values = {name: float(FORMULAS[name](sums[name])) for name in FORMULAS}
    values["exact_match"] = float(_exact(said, wanted).mean())
    values |= {name: float(each.mean()) for name, each in rouge.scores(said, wanted).items()}
    values |= diversity.distinct(said)
    lengths = sums["bleu"][:2].tolist()
    values["length_ratio"] = lengths[0] / max(lengths[1], 1)
    signature = "; ".join(
        [
            *(f"{name}|{scorer.get_signature()}" for name, scorer in scorers.items()),
            sign("exact_match", texts=len(wanted), white_space="joined"),
            rouge.signature(),
            diversity.signature(),
        ]
    )
    details = {"unfinished": unfinished, "words": {"said": lengths[0], "wanted": lengths[1]}}
    return Scores(metric, values, signature, len(wanted), True, details)


def statistic(said: Sequence[str], wanted: Sequence[str], metric: str, tokenize: str) -> Statistic:
    """`metric`, a headline or ter, as a Statistic of the texts."""
    if metric == "exact_match":
        return Statistic.mean(_exact(said, wanted))
    if metric in rouge.NAMES:
        return Statistic.mean(rouge.scores(said, wanted)[metric])
    return Statistic.rows(counts(metric, tokenize, tuple(said), tuple(wanted)), FORMULAS[metric])


def losses(said: Sequence[str], wanted: Sequence[str]) -> NDArray[np.float64]:
    """[n] 1 - chrF of each text alone: 0 for one that is as it should be."""
    found = np.asarray(chrf(counts("chrf", "13a", tuple(said), tuple(wanted))), np.float64) / 100
    return np.where(_exact(said, wanted) == 1, 0.0, 1 - found)


def bleu(sums: Floats) -> Floats:
    """Sums [..., 10] (length, reference length, n-grams that match and all n-grams for n = 1..4) -> [...].
    Papineni et al. 2002, with sacrebleu's smoothing: the first n without a match counts as 1/2 of one, the
    next as 1/4 (Chen and Cherry 2014, method 3)."""
    lengths, wanted = sums[..., 0], sums[..., 1]
    matches, all_ = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    missed = (matches == 0) & (all_ > 0)
    smoothed = 0.5 ** np.cumsum(missed, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(missed, smoothed, matches) / all_
        logs = np.log(shares).mean(-1)
        brevity = np.where(lengths < wanted, 1 - wanted / lengths, 0.0)
        found = 100 * np.exp(logs + brevity)
    whole = (all_ > 0).all(-1) & (matches > 0).any(-1) & (lengths > 0)
    return np.where(whole, found, 0.0)


def chrf(sums: Floats) -> Floats:
    """Sums [..., 18] (n-grams of characters that are said, wanted, and match, for n = 1..6) -> [...]. Popović
    2015, with precision and recall averaged over those n that both texts have."""
    said, wanted, matches = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    there = (said > 0) & (wanted > 0)
    orders = np.maximum(there.sum(-1), 1)
    precision = np.where(there, matches / np.maximum(said, 1), 0).sum(-1) / orders
    recall = np.where(there, matches / np.maximum(wanted, 1), 0).sum(-1) / orders
    weighted = BETA**2 * precision + recall
    return 100 * (1 + BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)


def chrf_between(texts: Sequence[str]) -> NDArray[np.float64]:
    """[n, n] chrF of text i where text j is wanted, as sacrebleu has it of each pair. Every n-gram is counted
    once for each text, not for each pair."""
    letters = ["".join(text.split()) for text in texts]
    codes = np.frombuffer("".join(letters).encode("utf-32-le", "surrogatepass"), np.uint32)
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in letters])
    _, first = np.unique(codes, return_inverse=True)
    kinds, grams, sums = int(first.max(initial=0)) + 1, first, np.zeros((len(texts), len(texts), 3 * LETTERS))
    for n in range(min(LETTERS, len(first))):
        if n:  # the n-grams before, each with the letter after it, but for those that a text ends with
            grams, whole = grams[:-1] * kinds + first[n:], owners[: len(first) - n] == owners[n:]
            _, found = np.unique(grams[whole], return_inverse=True)
            grams = np.zeros(len(grams), np.int64)
            grams[whole] = found
        else:
            whole = np.ones(len(first), np.bool_)
        width = int(grams.max(initial=0)) + 1
        cells = owners[: len(grams)][whole] * width + grams[whole]
        counts = np.bincount(cells, minlength=len(texts) * width).reshape(len(texts), width)
        totals = counts.sum(1)
        sums[..., 3 * n], sums[..., 3 * n + 1] = totals[:, None], totals[None]
        for times in range(1, int(counts.max(initial=0)) + 1):  # min(a, b): how often both are at least k
            there = (counts[:, counts.max(0) >= times] >= times).astype(np.float32)
            sums[..., 3 * n + 2] += there @ there.T
    return np.asarray(chrf(sums), np.float64)


def ter(sums: Floats) -> Floats:
    """Sums [..., 2] (edits, words that are wanted) -> [...]. Snover et al. 2006."""
    edits, words = sums[..., 0], sums[..., 1]
    return np.where(words > 0, 100 * edits / np.maximum(words, 1), np.where(edits > 0, 100.0, 0.0))


FORMULAS: dict[str, Function] = {"bleu": bleu, "chrf": chrf, "ter": ter}


def _exact(said: Sequence[str], wanted: Sequence[str]) -> NDArray[np.float64]:
    pairs = zip(said, wanted, strict=True)
    return np.array([one.split() == other.split() for one, other in pairs], np.float64)


def _scorer(name: str, tokenize: str = "13a") -> Any:
    from sacrebleu.metrics import BLEU, CHRF, TER  # a second to import

    # force: no warning about texts that look tokenised
    made = {
        "bleu": lambda: BLEU(tokenize=tokenize, force=True),
        "chrf": lambda: CHRF(beta=int(BETA)),
        "ter": TER,
    }
    scorer: Any = made[name]()
    scorer.num_refs = 1  # for its signature, which may be asked before anything is counted
    return scorer


@lru_cache(maxsize=len(FORMULAS))
def counts(name: str, tokenize: str, said: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.float64]:
    """[n, sums] what each text adds; those of the last texts are kept, for scores and then for intervals."""
    found = _scorer(name, tokenize)._extract_corpus_statistics(list(said), [list(wanted)])
    rows = np.array(found, np.float64).reshape(len(wanted), -1)
    rows.flags.writeable = False
    return rows
