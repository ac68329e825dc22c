"""Which of several candidates becomes the translation: that which agrees best with all others, or that which
another model speaks for too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.counted import CountedModel
from textladder.errors import Problem
from textladder.generating import next_units
from textladder.metrics.translation import chrf_between
from textladder.model import Model
from textladder.scoring import scored
from textladder.search import SearchConfig
from textladder.tasks.translate import DRAWING, Translate
from textladder.text.documents import GivenDocuments
from textladder.translating import Choose, Translation, log_probabilities, options_of, task_of

DRAWN = 20  # candidates for another model, where they are drawn and their number is not given
# What another model is weighed by, if nothing is said: Li et al. 2016, https://aclanthology.org/N16-1014.
REVERSE_WEIGHT, LANGUAGE_WEIGHT = 0.5, -0.5
# Pairs (source, candidate) -> what another model gives for them [n], in nats.
Opinion = Callable[[Sequence[tuple[str, str]]], NDArray[np.float64]]


def options_for(
    model: Model,
    *,
    n_best: int = 1,
    mbr: int = 0,
    rerank: bool = False,
    candidates: int | None = None,
    **search: Any,
) -> SearchConfig:
    """The options of the search whose texts are chosen among. mbr: how many, for `by_agreement`: drawn, if no
    beam is given. rerank, candidates: whether another model chooses, and among how many (None: the whole
    beam, or DRAWN). search: see `SearchConfig`; None as if it was not there. Raises Problem for options that
    contradict each other."""
    search = {name: value for name, value in search.items() if value is not None}
    if mbr and rerank:
        raise Problem("mbr, rerank", "each makes its own choice, and one can be made.", "Give one of them.")
    if candidates is not None and not rerank:
        raise Problem("candidates", "nothing chooses among them.", "Give mbr with a number, or rerank.")
    if not (mbr or rerank):
        return options_of(model, n=n_best, **search)
    given = search.get("beam")
    drawn = not search.keys().isdisjoint(DRAWING) or (bool(mbr) and given is None)
    own = given or task_of(model).config.beam
    name, number = ("mbr", mbr) if mbr else ("candidates", candidates or (DRAWN if drawn else own))
    if number < 2:
        name = name if mbr or candidates else "rerank, beam"
        raise Problem(name, f"{number} leaves nothing to choose from.", "Give a number from 2 on.")
    if n_best > number:
        what = f"of {number} candidates no {n_best} can be given."
        raise Problem(f"n_best, {name}", what, f"Give at most {number}, or more candidates.")
    if drawn and search.get("temperature") == 0:
        what = f"at temperature 0 all {number} candidates would be the same."
        raise Problem(f"{name}, temperature", what, "Give a temperature above 0, or a beam.")
    if not drawn:
        if given is not None and given < number:
            what = f"a beam of {given} has no {number} candidates."
            raise Problem(f"{name}, beam", what, "Give a wider beam, or none to have them found.")
        search["beam"] = max(own, number)
    elif search.keys().isdisjoint(DRAWING):
        search["temperature"] = 1.0
    return options_of(model, n=number, **search)


def by_agreement(
    texts: Sequence[str], found: list[list[Translation]], *, keep: int = 1
) -> list[list[Translation]]:
    """Of the candidates for each text those `keep` that have the highest chrF, on average over all candidates
    in the place of what is wanted: minimum Bayes risk (Kumar and Byrne 2004,
    https://aclanthology.org/N04-1022; of drawn texts Eikema and Aziz 2020,
    https://aclanthology.org/2020.coling-main.398). That average, 0 to 100, is their score. A text that was
    drawn several times counts as often."""
    return [_agreed(several, keep) for several in found]


def reranked(
    texts: Sequence[str],
    found: list[list[Translation]],
    *,
    opinion: Opinion,
    weight: float,
    keep: int = 1,
) -> list[list[Translation]]:
    """Those `keep` that have the highest log p(T|S) + weight * what another model gives, which is their
    score: with the reverse model's log p(S|T) and a weight above 0 MMI-bidi, with a language model's log p(T)
    and one below 0 MMI-antiLM (Li et al. 2016, section 4)."""
    several = [list(_once(some).values()) for some in found]
    pairs = [(text, one.text) for text, some in zip(texts, several, strict=True) for one in some]
    given = iter(opinion(pairs).tolist() if pairs else ())
    return [
        _best([replace(one, score=one.log_probability + weight * next(given)) for one in some], keep)
        for some in several
    ]


def choice(
    *, mbr: int = 0, other: Model | CountedModel | None = None, weight: float | None = None, keep: int = 1
) -> Choose | None:
    """What makes the choice that `options_for` found candidates for; None: the search does. other: the model
    that reranks; weight: of it (None: REVERSE_WEIGHT or LANGUAGE_WEIGHT). Raises Problem for a model that has
    no opinion of a text, and for a weight without a model."""
    if other is None:
        if weight is not None:
            raise Problem("rerank_weight", "there is no model to be weighed.", "Give one with rerank.")
        return partial(by_agreement, keep=keep) if mbr else None
    opinion, usual = _opinion(other)
    return partial(reranked, opinion=opinion, weight=usual if weight is None else weight, keep=keep)


def _opinion(model: Model | CountedModel) -> tuple[Opinion, float]:
    """What a model gives for pairs, and its usual weight."""
    if isinstance(model, Model) and isinstance(model.task, Translate):
        return partial(_backwards, model), REVERSE_WEIGHT
    if model.task.streams:
        if model.task.names:
            what = "the language model writes texts of a label, and a translation has none."
            raise Problem("rerank", what, "Train one on texts without labels.")
        return partial(_likelihoods, model), LANGUAGE_WEIGHT
    raise Problem(
        "rerank",
        f"this model was trained for the task {model.recipe.task_name}: it gives no probability of a text.",
        "Give a translator of the other direction (--task translate), or a language model (--task language).",
    )


def _backwards(model: Model, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """log p(source | candidate) of each."""
    nats = log_probabilities(model, [(candidate, source) for source, candidate in pairs])
    return np.array([each.sum(dtype=np.float64) for each in nats])


def _likelihoods(model: Model | CountedModel, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """log p(candidate) of each."""
    texts = [candidate for _, candidate in pairs]
    whole, known = list(dict.fromkeys(text for text in texts if text.strip())), dict[str, float]()
    if whole:
        with scored(model, GivenDocuments(whole)) as found:
            known = dict(zip(whole, (-found.nats()).tolist(), strict=True))
    if len(whole) < len(set(texts)):  # no document is empty: its end, where it would begin
        ends = dict(next_units(model, top=len(model.tokenizer)))["</s>"]
        known |= {text: float(np.log(ends)) for text in texts if not text.strip()}
    return np.array([known[text] for text in texts], np.float64)


def _agreed(several: list[Translation], keep: int) -> list[Translation]:
    once, times = _once(several), Counter(one.text for one in several)
    shares = chrf_between(list(once)) @ np.array([times[text] for text in once]) / len(several)
    pairs = zip(once.values(), shares.tolist(), strict=True)
    return _best([replace(one, score=share) for one, share in pairs], keep)


def _once(several: Sequence[Translation]) -> dict[str, Translation]:
    """Each text once, by itself; of equal ones the first."""
    found: dict[str, Translation] = {}
    for one in several:
        found.setdefault(one.text, one)
    return found


def _best(several: list[Translation], keep: int) -> list[Translation]:
    return sorted(several, key=lambda one: -one.score)[:keep]
