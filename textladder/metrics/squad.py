"""Scores of answers to questions by the rules of SQuAD: exact match and F1 of words; needs no torch.

Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250, section 6.1; Rajpurkar et al. 2018,
https://arxiv.org/abs/1806.03822, for questions without an answer. An answer is compared after `normalised`;
the best of several gold answers counts. Intervals and paired tests draw questions.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Statistic

HEADLINES = ("answer_f1", "exact_match")
Rules = Literal["1.1", "2.0"]
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)  # of ASCII, as the official script has it
_WORDS = ("who", "what", "when", "where", "which", "why", "how")  # questions are told apart by these


def normalised(text: str) -> str:
    """In small letters, without punctuation (of ASCII) and the articles a, an, the; words apart by one
    space."""
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


class Judgement(NamedTuple):
    """Of one question: the columns that scores are made of. answerable: whether it has a gold answer."""

    exact: float
    f1: float
    answerable: bool


def judge(answer: str, golds: Sequence[str], rules: Rules = "1.1") -> Judgement:
    """The best of `golds` against an answer; "" for no answer, and no golds where none is right.

    2.0 leaves out golds of which normalising leaves nothing, and where none is left the right answer is "".
    1.1 knows no question without an answer; an answer of which nothing is left has F1 0.
    """
    if rules == "2.0":
        golds = [gold for gold in golds if normalised(gold)]
    said = normalised(answer)
    wanted = [normalised(gold) for gold in golds] or ([""] if rules == "2.0" else [])
    exact = max((float(said == gold) for gold in wanted), default=0.0)
    f1 = max((_f1(said, gold, rules) for gold in wanted), default=0.0)
    return Judgement(exact, f1, bool(golds))


def _f1(said: str, gold: str, rules: Rules) -> float:
    mine, theirs = said.split(), gold.split()
    if rules == "2.0" and not (mine and theirs):
        return float(mine == theirs)
    both = (Counter(mine) & Counter(theirs)).total()
    return 2 * both / (len(mine) + len(theirs)) if both else 0.0


def kind_of(question: str) -> str:
    """The first question word of a question; "other" without one."""
    words = re.findall(r"\w+", question.lower())
    return next((word for word in words if word in _WORDS), "other")


def statistic(judged: Sequence[Judgement], metric: str) -> Statistic:
    """A headline as a Statistic of the questions."""
    column = {"exact_match": 0, "answer_f1": 1}[metric]
    return Statistic.mean([one[column] for one in judged])


def score(
    judged: Sequence[Judgement],
    answered: Sequence[bool],
    questions: Sequence[str],
    *,
    metric: str,
    rules: Rules,
) -> Scores:
    """Every metric by name. answered: whether an answer was given; questions: their texts, for a table by
    question word."""
    table = np.array(judged, np.float64).reshape(-1, 3)
    exact, f1, there = table[:, 0], table[:, 1], table[:, 2] > 0
    values = {"exact_match": _mean(exact), "answer_f1": _mean(f1)}
    if rules == "2.0":
        given = np.array(answered, np.bool_)
        values |= {
            "answerable_exact_match": _mean(exact[there]),
            "answerable_f1": _mean(f1[there]),
            "unanswerable_accuracy": _mean(f1[~there]),
            "answered_share": _mean(given),
        }
    kinds = np.array([kind_of(question) for question in questions], object)
    details: dict[str, Any] = {
        "per_question_word": [
            {
                "word": kind,
                "exact_match": _mean(exact[kinds == kind]),
                "f1": _mean(f1[kinds == kind]),
                "support": int((kinds == kind).sum()),
            }
            for kind in (*_WORDS, "other")
            if (kinds == kind).any()
        ]
    }
    signature = sign(
        metric, questions=len(table), answerable=int(there.sum()), rules=f"squad-{rules}", golds="best"
    )
    return Scores(metric, values, signature, len(table), True, details)


def _mean(values: NDArray[Any]) -> float:
    """0 of none: a part of the questions may be empty."""
    return float(values.mean()) if len(values) else 0.0
