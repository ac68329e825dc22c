"""Small pieces of the page. Everything that comes from data goes through `esc`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from textladder.comparing.answers import Answer, Marks
from textladder.inspection.findings import Finding
from textladder.metrics.tagging import TOKENS

LONGEST = 400  # characters of a text that are shown


def esc(text: str) -> str:
    return html.escape(str(text), quote=True)


def bdi(text: str) -> str:
    """Text of any direction inside a line."""
    return f'<bdi dir="auto">{esc(text)}</bdi>'


def seen(unit: str) -> str:
    """A unit that is a blank as a sign for one: without, its row or column has no name."""
    return unit if unit.strip() or not unit else "\u2423" * len(unit)


def _labels(labels: Iterable[str]) -> str:
    return ", ".join(bdi(label) if label else "(nothing)" for label in labels) or "(none)"


def examples(
    found: Iterable[Finding],
    rungs: tuple[str, ...] | None = None,
    gold: tuple[str, str] = ("label", "labels"),
) -> str:
    """gold: what stands before the right answer, and before several (`wording.Words`)."""
    return f'<div class="examples">{"".join(_example(one, rungs, gold) for one in found)}</div>'


def clipped(text: str) -> str:
    """The beginning of a text as a quotation, and how much more there is."""
    rest = len(text) - LONGEST
    more = f' <span class="soft">… and {rest:,} characters more</span>' if rest > 0 else ""
    return f'<blockquote dir="auto">{esc(text[:LONGEST])}{more}</blockquote>'


def marked(text: str, there: Marks, said: Marks) -> str:
    """A text as a quotation in which gold places are marked and predicted ones underlined, with their labels
    behind them (one for both where they are the same); of a long one the stretch that begins a little before
    the first of them."""
    spans = (*there, *said)
    first = min((mark.start for mark in spans), default=0)
    begin = max(min(first - LONGEST // 4, len(text) - LONGEST), 0)
    end = min(begin + LONGEST, len(text))
    inside = {place for mark in spans for place in mark[:2] if begin < place < end}
    shown = "".join(
        _wrapped("mark", "gold", there, a, _wrapped("u", "predicted", said, a, esc(text[a:b])))
        + _named(there, said, b)
        for a, b in pairwise(sorted({begin, end} | inside))
    )
    before = f'<span class="soft">{begin:,} characters before …</span> ' if begin else ""
    rest = len(text) - end
    more = f' <span class="soft">… and {rest:,} characters more</span>' if rest else ""
    return f'<blockquote dir="auto">{before}{shown}{more}</blockquote>'


def _wrapped(element: str, called: str, marks: Marks, place: int, inner: str) -> str:
    """A piece of a text in an element that tells, as a title, what the marks over it say; as it is under
    none."""
    over = [mark for mark in marks if mark.start <= place < mark.end]
    if not over:
        return inner
    told = "; ".join(dict.fromkeys(_told(mark.label, mark.sure) for mark in over if mark.label))
    title = f' title="{called}: {esc(told)}"' if told else ""
    return f"<{element}{title}>{inner}</{element}>"


def _told(label: str, sure: float | None) -> str:
    return label if sure is None else f"{label} ({sure:.2f})"


def _named(there: Marks, said: Marks, place: int) -> str:
    """The labels of marks that end at a place: gold ones, and predicted ones that are not the same."""
    right = {mark.what for mark in there}
    gold = dict.fromkeys(mark.label for mark in there if mark.end == place and mark.label)
    wrong = dict.fromkeys(m.label for m in said if m.end == place and m.label and m.what not in right)
    labels = [*map(bdi, gold), *(f"<u>{bdi(label)}</u>" for label in wrong)]
    return f"<sub>{' '.join(labels)}</sub>" if labels else ""


def texts(first: str, second: str | None) -> str:
    """One text, or both of a pair, as quotations."""
    return clipped(first) + ("" if second is None else clipped(second))


def _without_right(answers: Sequence[Answer]) -> list[Answer]:
    """Answers without what all of them have right, where every token has a tag: a text of which everything is
    marked shows no error. (Spans that are right tell where those that are wrong stand.)"""
    if any(not one.counts or {len(one.gold), len(one.predicted)} != {one.counts[TOKENS]} for one in answers):
        return list(answers)
    right = set(answers[0].gold).intersection(*(one.predicted for one in answers))

    def kept(labels: Sequence[str], places: Marks) -> tuple[tuple[str, ...], Marks]:
        left = [(label, place) for label, place in zip(labels, places, strict=True) if label not in right]
        return tuple(label for label, _ in left), tuple(place for _, place in left)

    shown = []
    for one in answers:
        (gold, there), (predicted, said) = kept(one.gold, one.there), kept(one.predicted, one.said)
        shown.append(replace(one, gold=gold, there=there, predicted=predicted, said=said))
    return shown


def _quoted(found: Finding, answers: Sequence[Answer]) -> str:
    """The text of a finding, or both of a pair; with marks where places are said."""
    there, said = answers[0].there, tuple(dict.fromkeys(mark for one in answers for mark in one.said))
    if not (there or said):
        return texts(found.text, found.second)
    key = '<div class="soft"><mark>Gold</mark>, <u>predicted</u></div>'
    asked = "" if found.second is None else clipped(found.second)
    return asked + marked(found.text, there, said) + key


def _example(found: Finding, rungs: tuple[str, ...] | None, named: tuple[str, str]) -> str:
    shown = rungs or tuple(found.answers)
    answers = _without_right([found.answers[rung] for rung in shown])
    told = "".join(map(_answer, shown, answers))
    gold = f"{named[len(answers[0].gold) > 1]}: <b>{_labels(answers[0].gold)}</b>"
    return (
        f'<article class="example">{_quoted(found, answers)}'
        f'<div class="soft">{esc(found.where)} · {gold}</div>'
        f"<ul>{told}</ul></article>"
    )


def _answer(rung: str, said: Answer) -> str:
    mark = (
        '<span class="ok" role="img" aria-label="right">✓</span>'
        if said.correct
        else '<span class="no" role="img" aria-label="wrong">✗</span>'
    )
    if any(one.sure is not None for one in said.said):  # each span has its own
        each = zip(said.predicted, said.said, strict=True)
        return f"<li>{mark} {esc(rung)}: {_labels(_told(name, one.sure) for name, one in each)}</li>"
    sure = "" if said.confidence is None else f" ({said.confidence:.2f})"
    return f"<li>{mark} {esc(rung)}: {_labels(said.predicted)}{sure}</li>"


def figure(name: str, told: str, *, own: bool = True, matrix: bool = False) -> str:
    """A place for a figure; `own` False where a chooser says which; `matrix`: about square."""
    which = f' data-figure="{name}"' if own else ""
    kind = ' class="matrix"' if matrix else ""
    return (
        f'<figure{kind}><div class="figure" id="figure-{name}"{which} role="img" '
        f'aria-label="{esc(told)}"></div>'
        f"<figcaption>{esc(told)}</figcaption></figure>"
    )


def chooser(rungs: Iterable[str], chosen: str, name: str, drawn: Mapping[str, Any]) -> str:
    options = "".join(
        f'<option value="{name}-{i}"{" selected" if rung == chosen else ""}>{esc(rung)}</option>'
        for i, rung in enumerate(rungs)
        if f"{name}-{i}" in drawn
    )
    return f'<label>Rung: <select data-for="figure-{name}" autocomplete="off">{options}</select></label>'


def pairs(items: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in items) + "</dl>"
