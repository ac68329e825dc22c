"""What a model looked at in texts that it is given, as maps: translators, pairs, answer spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from textladder import translating
from textladder.batch import Batch
from textladder.errors import Problem
from textladder.inspection.beam_tree import render_tree
from textladder.inspection.maps import Map, Shares
from textladder.model import Model
from textladder.tasks.pair import Pair
from textladder.tasks.span import Span
from textladder.tasks.translate import Translate
from textladder.text.store import Store


class Looked(NamedTuple):
    """said: what the model says of the texts, in a line; more: further sections of a page."""

    said: str
    maps: list[Map]
    more: Sequence[str] = ()


def looked_at(model: Model, text: str, second: str | None = None, target: str | None = None) -> Looked:
    """second: the other text of a pair, or the question about a passage. target: of a translator, a
    translation in place of its own. Raises Problem for a model that looks at nothing, and for texts that its
    task does not have."""
    task = model.task
    if isinstance(task, Translate):
        _demand(second, "--second", "a translator reads one text.", given=False)
        return _of_translation(model, task, text, target)
    _demand(target, "--target", "only a translator writes a text.", given=False)
    if isinstance(task, Pair):
        return _of_pair(model, task, text, _demand(second, "--second", "a pair has two texts.", given=True))
    if isinstance(task, Span):
        what = "there is no question about the passage."
        return _of_passage(model, task, text, _demand(second, "--second", what, given=True))
    raise nothing(model, "Give a model of --task pair, span or translate.")


def _demand(value: str | None, option: str, what: str, *, given: bool) -> str:
    if (value is not None) != given:
        raise Problem(option, what, f"Give it with {option}." if given else "Leave it out.")
    return value or ""


def nothing(model: Model, step: str) -> Problem:
    return Problem(model.recipe.rung, "this model has no attention to show.", step)


def _of_translation(model: Model, task: Translate, text: str, target: str | None) -> Looked:
    """With the tree of what was searched, where a translation was."""
    more = []
    if target is None:
        (best, *_), tree, path = translating.searched(model, text)
        target, spelled = best.text, task.shown([node.unit for node in tree.nodes])
        more = [render_tree(tree, spelled, path, task.options.length_penalty)]
    elif not task.attends:
        raise nothing(model, "Leave out --target, to see what was searched; or train another rung.")
    if not task.attends:
        return Looked(target, [], more)
    found = translating.looked_at(model, text, target)
    told = "Rows: what was written, from the top down. Columns: the source. Each row sums to 1."
    layers = _layers(found.maps, found.pointer)
    maps = [Map(name, found.targets, found.sources, shares, told) for name, shares in layers]
    return Looked(target, maps, more)


def _layers(maps: Sequence[Shares], pointer: bool) -> Iterator[tuple[str, Shares]]:
    """Each map [T, S] with its name; first that which alignments are read from, of the pointer (the last, if
    there is one) or the mean over heads of the last layer but one, then every layer's mean and its heads."""
    chosen = len(maps) - 1 if pointer else max(len(maps) - 2, 0)
    order = [chosen, *(layer for layer in range(len(maps)) if layer != chosen)]
    for layer in order:
        heads = maps[layer]
        mean = " (alignments are read from it)" if layer == chosen else ""
        several = "the mean of its heads" if len(heads) > 1 else "its one head"
        name = "pointer" if pointer and layer == chosen else f"layer {layer + 1}, {several}"
        yield f"{name}{mean}", heads.mean(0)
    for layer, heads in enumerate(maps):
        if len(heads) > 1:
            for number, shares in enumerate(heads, 1):
                yield f"layer {layer + 1}, head {number}", shares


def _of_pair(model: Model, task: Pair, first: str, second: str) -> Looked:
    with model.predicting():
        batch = _batch(model, [(first, second)])
        shares = task.looked_at(model.encoder, batch)
        if shares is None:
            raise nothing(model, "Its texts never meet: train with task.matching=decomposable or esim.")
        (said,) = task.present(task.predict(model.encoder, batch))
    of_first, of_second = (part[0].float().cpu().numpy() for part in shares)
    # Of an over-long text its first units are read.
    ours, theirs = (
        [text[a:b] for a, b in model.tokenizer.offsets(text)][:width]
        for text, width in ((first, len(of_first)), (second, len(of_second)))
    )
    told = "For each unit of the row its shares in the units of the column; each row sums to 1."
    name = "what each unit of the {} text is aligned with"
    maps = [
        Map(name.format("first"), ours, theirs, of_first[: len(ours)], told),
        Map(name.format("second"), theirs, ours, of_second[: len(theirs)], told),
    ]
    answer = f"{said['label']} ({said['confidence']:.3f})" if "label" in said else f"{said['score']:.3f}"
    return Looked(answer, maps)


def _of_passage(model: Model, task: Span, passage: str, question: str) -> Looked:
    given = task.read([(passage, question)])
    with model.predicting():
        batch = _batch(model, given)
        if len(batch.inputs[0]) > 1:
            raise Problem("--text", "the passage is longer than one window.", "Give a part of it.")
        of_question, of_passage, first, last = (
            part[0].float().cpu().numpy() for part in task.looked_at(model.encoder, batch)
        )
        (said,) = task.present(task.predict(model.encoder, batch), given)
    tokens = [passage[a:b] for a, b in batch.places[2].tolist()]
    asked = [model.tokenizer.vocabulary[unit] for unit in batch.inputs[1].flat.tolist()]
    return Looked(
        said["answer"] or "(no answer)",
        [
            Map(
                "what each token of the passage looks at in the question",
                tokens,
                asked,
                of_question,
                "Rows: the passage. Columns: the question, as the model knows it. Each row sums to 1.",
            ),
            Map(
                "where the answer is looked for",
                tokens,
                ("like the question", "first token", "last token"),
                np.stack([of_passage, first, last], 1),
                "Rows: the passage. How much of it goes to all tokens as the part that is most like the "
                "question, and how probable it is that the answer begins and ends there. Each column sums "
                "to 1, but for what no answer takes.",
            ),
        ],
    )


def _batch(model: Model, texts: Sequence[object]) -> Batch:
    store = Store.of(model.rows(texts).columns)
    rows = np.arange(len(store.columns["text"]))
    names = [name for name in store.columns if name != "label"]
    return model.task.collate(store.take(rows, names)).to(model.device)
