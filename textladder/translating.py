"""Text in, other text out: what translators write, how sure they are, and which word came from which."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.batch import Tokens
from textladder.ensembling import ensemble
from textladder.errors import Problem
from textladder.forcing import UNITS, check_replacing, forced, replaced, source_spans
from textladder.loading import load_model
from textladder.model import Model
from textladder.ragged import Pairs, Ragged
from textladder.search import Hypothesis, SearchConfig, Tree
from textladder.tasks.translate import Translate, searching
from textladder.text.batching import evaluation_plan
from textladder.text.overlong import CutReport
from textladder.text.tokenizing import END, SPECIAL, UNKNOWN

AHEAD = 512  # texts that are read before the first of them is answered, if so many have come
Alignment = tuple[tuple[int, int], ...]
Token = tuple[str, float]  # a unit as it is written (</s> at the end), and its log-probability in nats


@dataclass(frozen=True)
class Translation:
    """One translation of a text."""

    text: str
    log_probability: float  # what the model gives for its units and </s>, in nats
    score: float  # what it was chosen by; of a search the log-probability divided by its length norm
    units: int  # that were written, </s> among them
    finished: bool  # False: it was cut at the longest length
    alignment: Alignment | None = None  # (word of the source, word of the translation), if it was asked for
    tokens: tuple[Token, ...] | None = None  # its units, if they were asked for
    ids: tuple[int, ...] = field(default=(), repr=False)  # of these units in the vocabulary


# Texts, and the candidates for each -> those that are kept, the best first (`choosing`).
Choose = Callable[[Sequence[str], list[list[Translation]]], list[list[Translation]]]


def translator(folder: Path | str, device: str = "cpu", others: Sequence[Path | str] = ()) -> Model:
    """The model in a folder, or with `others` the ensemble of all; Problem for one that translates nothing,
    and for models that write other units."""
    if others:
        folders = [folder, *others]
        return ensemble([translator(one, device) for one in folders], [str(one) for one in folders])
    model = load_model(folder, device)
    if not isinstance(model, Model) or not isinstance(model.task, Translate):
        task = model.recipe.task_name
        verb = "generate" if task == "language" else "predict"
        raise Problem(
            str(folder),
            f"this model was trained for the task {task}: it translates nothing.",
            f"Use textladder {verb}, or train one with --task translate.",
        )
    return model


def task_of(model: Model) -> Translate:
    assert isinstance(model.task, Translate), "a translator"
    return model.task


def options_of(model: Model, **given: Any) -> SearchConfig:
    """The options of a search: those that are given, else those that the model was trained with. Raises
    Problem as `SearchConfig` and `Translate.check_search` do."""
    options = searching(task_of(model).config, **given)
    task_of(model).check_search(options)
    return options


def translate(
    model: Model,
    texts: Sequence[str],
    options: SearchConfig | None = None,
    *,
    alignment: bool = False,
    per_token: bool = False,
    prefixes: Sequence[str] | None = None,
    choose: Choose | None = None,
    replace_unknown: bool = False,
    cuts: list[CutReport] | None = None,
    names: str | Sequence[str] = "text",
) -> list[list[Translation]]:
    """The `options.n` best translations of each text, the best first (drawn ones as they were drawn); fewer
    where no more were found. per_token: with what the model gives for each unit. prefixes: what the
    translations of each text begin with; their scores count it. choose: what makes a choice among them.
    replace_unknown: <unk> may be written, and becomes the word of the source that it came from. cuts: gets
    what was done to over-long texts. names: of the texts in messages, all together or each.

    Raises Problem for a text that is too long, if the recipe says so, for a prefix that cannot be written,
    and where there is no attention whose alignment could be given.
    """
    task = task_of(model)
    options = (options or task.options).seeded()
    if alignment:
        check_attends(model)
    rows = model.rows(texts, names)
    ids, begins = rows.columns["text"], None if prefixes is None else _begins(model, prefixes, names)
    if cuts is not None:
        cuts.append(rows.cut)
    if replace_unknown:
        check_replacing(model)
    hypotheses: list[list[Hypothesis]] = [[] for _ in texts]
    with model.predicting():
        for places in evaluation_plan(ids.lengths, UNITS, UNITS):
            first = None if begins is None else begins.take(places)
            best = _found(model, ids.take(places), options, begins=first, unknown=replace_unknown)
            for place, several in zip(places.tolist(), best, strict=True):
                hypotheses[place] = several
    if replace_unknown:
        said = replaced(model, texts, ids, hypotheses)
    else:
        said = [[task.spell(one.ids) for one in several] for several in hypotheses]
    found = [list(map(_translation, *both)) for both in zip(hypotheses, said, strict=True)]
    if choose is not None:
        found = choose(texts, found)
    flat = [(place, one) for place, several in enumerate(found) for one in several]
    if alignment:
        made = iter(align(model, [(texts[place], one.text) for place, one in flat]))
        found = [[replace(one, alignment=next(made)) for one in several] for several in found]
    if per_token and flat:
        units = Ragged.of([one.ids for _, one in flat])
        columns = {"text": ids.take(np.array([place for place, _ in flat])), "label": units}
        nats, _ = forced(model, columns, aligned=False)
        each = iter(map(partial(_tokens, task), (one.ids for _, one in flat), nats))
        found = [[replace(one, tokens=next(each)) for one in several] for several in found]
    return found


def translations(
    model: Model,
    chunks: Iterable[Sequence[str]],
    options: SearchConfig | None = None,
    *,
    alignment: bool = False,
    per_token: bool = False,
    prefixes: Iterable[str] | None = None,
    choose: Choose | None = None,
    replace_unknown: bool = False,
    cuts: list[CutReport] | None = None,
    where: str = "text",
    skipped: int = 0,
) -> Iterator[list[list[Translation]]]:
    """`translate` of texts that come some at a time, in their order; no more than AHEAD are held. where: what
    they come from, and skipped: how many stand there before the first, for messages."""
    options = (options or task_of(model).options).seeded()
    starts, number = None if prefixes is None else iter(prefixes), skipped
    for chunk in chunks:
        rest = iter(chunk)
        while some := list(islice(rest, AHEAD)):
            first = None if starts is None else list(islice(starts, len(some)))
            given: dict[str, Any] = {"alignment": alignment, "prefixes": first, "choose": choose}
            given["per_token"] = per_token
            given["replace_unknown"] = replace_unknown
            given["names"] = [f"{where}, text {n}" for n in range(number + 1, number + len(some) + 1)]
            yield translate(model, some, options, **given, cuts=cuts)
            number += len(some)


def searched(
    model: Model, text: str, options: SearchConfig | None = None
) -> tuple[list[Translation], Tree, list[int]]:
    """The translations of one text, all that its search looked at, and which nodes of that are the best."""
    task, tree = task_of(model), Tree()
    with model.predicting():
        ids = model.rows([text]).columns["text"]
        (found,) = _found(model, ids, options or task.options, tree=tree)
    return [_translation(one, task.spell(one.ids)) for one in found], tree, tree.path(found[0])


def log_probabilities(model: Model, pairs: Sequence[tuple[str, str]]) -> list[NDArray[np.float32]]:
    """What the model gives for given translations: of each pair (text, translation) the nats of each unit and
    of </s> [T]."""
    nats, _ = _forced(model, pairs, aligned=False)
    return nats


def align(model: Model, pairs: Sequence[tuple[str, str]]) -> list[Alignment]:
    """For each word of each translation the word of the source that its units look at most, words being what
    stands between white space.

    The shares are the mean over heads of one layer (`tasks.writing.Writing.aligning`).
    """
    _, shares = _forced(model, pairs, aligned=True)
    return _read_off(model, pairs, shares)


@dataclass(frozen=True)
class Given:
    """What a model gives for a translation that it did not write."""

    tokens: tuple[Token, ...]
    unknown: int  # units of it that the vocabulary does not have
    alignment: Alignment | None = None  # if it was asked for

    @property
    def log_probability(self) -> float:
        return math.fsum(nats for _, nats in self.tokens)

    @property
    def confidence(self) -> float:
        """The geometric mean of the units' probabilities."""
        return math.exp(self.log_probability / max(len(self.tokens), 1))


def judged(
    model: Model,
    pairs: Sequence[tuple[str, str]],
    *,
    alignment: bool = False,
    cuts: list[CutReport] | None = None,
    names: str | Sequence[str] = "text",
) -> list[Given]:
    """What the model gives for each of these pairs (text, translation), unit by unit. cuts: gets what was
    done to over-long texts. names: of the pairs in messages, all together or each. Raises Problem where there
    is no attention whose alignment could be given."""
    if not pairs:
        return []
    task = task_of(model)
    if alignment:
        check_attends(model)
    rows = model.rows(Pairs.of_strings(*zip(*pairs, strict=True)), names)
    if cuts is not None:
        cuts.append(rows.cut)
    nats, shares = forced(model, rows.columns, aligned=alignment)
    labels = rows.columns["label"]
    found = [labels[row].tolist() for row in range(len(pairs))]
    given = [
        Given(_tokens(task, ids, each), ids.count(UNKNOWN)) for ids, each in zip(found, nats, strict=True)
    ]
    if not alignment:
        return given
    made = _read_off(model, pairs, shares)
    return [replace(one, alignment=words) for one, words in zip(given, made, strict=True)]


def check_attends(model: Model) -> None:
    """Problem for a model without attention to the source."""
    if not task_of(model).attends:
        raise Problem(
            "alignment", "this model has no attention to show.", "Leave it out, or train another rung."
        )


def _read_off(
    model: Model, pairs: Sequence[tuple[str, str]], shares: Sequence[NDArray[np.float32]]
) -> list[Alignment]:
    """shares: [T, S] of each pair, what its units looked at."""
    task, tokenizer, found = task_of(model), model.tokenizer, list[Alignment]()
    for (source, target), share in zip(pairs, shares, strict=True):
        units = tokenizer.encode_one(target).tolist()
        units = units[1:-1] if tokenizer.config.ends else units
        columns = _words(source, source_spans(model, source))[: share.shape[1]]
        rows = _words(target, _spans(task, units))[: len(share)]
        words = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1))
        if words.size:
            kept = rows >= 0
            by_word = np.zeros((len(rows), words.shape[1]))
            for place, word in enumerate(columns.tolist()):
                if word >= 0:
                    by_word[:, word] += share[: len(rows), place]
            np.add.at(words, rows[kept], by_word[kept])
        found.append(tuple((int(row.argmax()), number) for number, row in enumerate(words) if words.size))
    return found


@dataclass(frozen=True)
class Looked:
    """What a decoder looked at while it wrote a text. sources, targets: the units as they stand in the texts
    (the last of the target is </s>); maps: of each layer with attention to the source [H, T, S], and if there
    is a `pointer` its own behind them."""

    sources: list[str]
    targets: list[str]
    maps: list[NDArray[np.float32]]
    pointer: bool


def looked_at(model: Model, source: str, target: str) -> Looked:
    """Of a given translation, which need not be what the model would write."""
    task, tokenizer = task_of(model), model.tokenizer
    maps: list[Any] = []
    _forced(model, [(source, target)], aligned=True, keep=maps)
    units = tokenizer.encode_one(target).tolist()
    units = units[1:-1] if tokenizer.config.ends else units
    written = [target[slice(*span)] for span in _spans(task, units)]
    found = [layer[0].cpu().numpy() for layer in maps]
    read = [source[slice(*span)] for span in source_spans(model, source)]
    return Looked(read, [*written, SPECIAL[END]][: found[0].shape[1]], found, task.pointer is not None)


def _found(model: Model, sources: Ragged, options: SearchConfig, **more: Any) -> list[list[Hypothesis]]:
    return task_of(model).search(model.encoder, Tokens.of(sources).to(model.device), options, **more)


def _begins(model: Model, prefixes: Sequence[str], names: str | Sequence[str]) -> Ragged:
    """The units of what translations begin with. Problem for what the vocabulary cannot spell."""
    tokenizer = model.tokenizer
    ids = tokenizer.encode(prefixes)
    if tokenizer.config.ends:
        ids = Ragged.of((ids[row][1:-1] for row in range(len(ids))), np.int32)
    unknown = np.flatnonzero(ids.flat == UNKNOWN)
    if len(unknown):
        row = int(np.searchsorted(ids.offsets, unknown[0], side="right")) - 1
        spans = tokenizer.offsets(prefixes[row])
        spans = spans[1:-1] if tokenizer.config.ends else spans
        there = prefixes[row][slice(*spans[int(unknown[0] - ids.offsets[row])])]
        one = isinstance(names, str) or len(set(prefixes)) == 1
        raise Problem(
            "prefix" if one else f"prefix of {names[row]}",
            f"{there!r} is not in the vocabulary of the model: it cannot be written.",
            "Give another prefix, or train with --units bpe, which can write all.",
        )
    return ids


def _translation(one: Hypothesis, text: str) -> Translation:
    how = (one.log_probability, one.score, len(one.ids), one.finished)
    return Translation(text, *how, ids=tuple(one.ids))


def _tokens(task: Translate, ids: Sequence[int], nats: NDArray[np.float32]) -> tuple[Token, ...]:
    """Units as they are written, with their log-probabilities."""
    return tuple(zip(task.shown(ids), nats.tolist(), strict=True))


def _forced(
    model: Model, pairs: Sequence[tuple[str, str]], *, aligned: bool, keep: list[Any] | None = None
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Of each pair the nats of the target's units [T], and the shares [T, S] if `aligned`."""
    both = Pairs.of_strings(*zip(*pairs, strict=True)) if pairs else Pairs.of_strings((), ())
    return forced(model, model.rows(both).columns, aligned=aligned, keep=keep)


def _spans(task: Translate, units: Sequence[int]) -> list[tuple[int, int]]:
    """Where each unit stands in the text that they spell."""
    pieces, at, spans = task.speller.after(), 0, []
    for unit in units:
        before = at
        at += len(pieces.add(unit)) if unit != END else 0
        spans.append((before, at))
    return spans


def _words(text: str, spans: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The number of the word that each span begins in (white space before it left out); -1 for spans of white
    space at the beginning."""
    spaces = np.array([letter.isspace() for letter in text] + [True], np.bool_)
    starts = ~spaces & np.append(True, spaces[:-1])
    numbers = starts.cumsum() - 1
    found = []
    for start, end in spans:
        letters = np.flatnonzero(~spaces[start:end])
        found.append(int(numbers[min(start + int(letters[0]) if len(letters) else start, len(text))]))
    return np.array(found, np.int64)
