"""The sections of a comparison's page as HTML. Everything that comes from data goes through `esc`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textladder.comparing.deciding import told_p
from textladder.comparing.telling import number
from textladder.inspection import labels, measures, numbers, running
from textladder.inspection.blocks import BlockFindings
from textladder.inspection.numbers import NumberFindings
from textladder.inspection.pieces import esc, figure, pairs
from textladder.wording import named, rows_are, words_of

if TYPE_CHECKING:
    from textladder.inspection.page import Material

MARKS = {"latency_p50_ms": "latency", "training_seconds": "training", "size_mb": "size"}


# anchor, name in the navigation, heading, what makes it
OF_LABELS = (
    ("measures", "Measures", "All measures", measures.measures),
    ("confusion", "Confusion", "Which labels are taken for which", labels.confusion),
    ("labels", "Labels", "How well each label is found", labels.per_label),
    ("calibration", "Calibration", "Does confidence mean what it says", labels.calibration),
    ("hardest", "Hardest {tested}", "The hardest test {tested}", labels.hardest),
    ("disagreement", "Disagreement", "Where rungs disagree", labels.disagreement),
)
OF_NUMBERS = (
    ("measures", "Measures", "All measures", measures.measures),
    ("hardest", "Hardest pairs", "The hardest test pairs", numbers.hardest),
    ("disagreement", "Disagreement", "Where rungs differ", numbers.disagreement),
)
OF_RUNNING_TEXT = (
    ("measures", "Perplexity", "Bits and perplexities", running.measures),
    ("hardest", "Hardest blocks", "The hardest blocks of test text", running.hardest),
    ("disagreement", "Disagreement", "Where rungs differ", running.disagreement),
)

# how a trainer says that a training ended -> how the page says it
ENDS = {
    "epochs": "ended as planned",
    "max_seconds": "ended by the time limit",
    "budget": "ended by the time limit",
    "nothing to train": "nothing was to be trained",
    "one pass": "counted in one pass",
}
FILES = {  # in examples of commands
    "tag": ("new.txt", "other.conll"),
    "pair": ("new.csv", "other.csv"),
    "span": ("new.json", "other.json"),
}
LONG = "Texts cut because they were too long"


@dataclass(frozen=True)
class Section:
    anchor: str
    short: str  # its name in the navigation
    html: str


def build(material: Material, drawn: Mapping[str, Any]) -> list[Section]:
    """All sections that this comparison has, in order. drawn: figure ids that exist."""
    found_of = {BlockFindings: OF_RUNNING_TEXT, NumberFindings: OF_NUMBERS}
    of_task = found_of.get(type(material.findings), OF_LABELS)
    made = [
        ("answer", "Answer", "The answer", answer),
        ("table", "Table", "All rungs", table),
        ("cost", "Cost", "Score against cost", cost),
        ("learning", "Learning", "How they learned", learning),
        ("data-size", "More data?", "Would more data help?", data_size),
        *of_task,
        ("data", "Data", "The data", data),
        ("repeat", "Repeat it", "To repeat it", repeat),
        ("environment", "Environment", "Measured with", environment),
    ]
    found = []
    tested = words_of(material.comparison).tested
    for anchor, short, heading, make in made:
        body = make(material, drawn)
        if body:
            told = heading.format(tested=tested)
            inner = f'<section id="{anchor}" aria-labelledby="h-{anchor}">\n<h2 id="h-{anchor}">{told}</h2>'
            found.append(Section(anchor, short.format(tested=tested), f"{inner}\n{body}\n</section>"))
    return found


def answer(material: Material, drawn: Mapping[str, Any]) -> str:
    pick = material.comparison["pick"]
    return (
        f'<div class="answer"><p><strong>Use {esc(pick["rung"])}.</strong> {esc(pick["reason"])}</p>'
        f'<p class="soft">The model lies in <code>{esc(pick["model"])}</code>, ready to use. The rule: the '
        "cheapest rung that is not significantly worse (paired test, Holm-adjusted p &lt; 0.05) than the "
        "best on dev. "
        "“Not significantly worse” is not “as good”: the interval says how far it may fall behind.</p></div>"
    )


def table(material: Material, drawn: Mapping[str, Any]) -> str:
    comparison = material.comparison
    rows, several = comparison["rows"], any(len(row["seeds"]) > 1 for row in comparison["rows"])
    low = min(row["interval"][0] for row in rows)
    high = max(row["interval"][1] for row in rows)
    metric = esc(named(comparison["metric"]))
    heads = [
        "rung",
        f"test {metric} [95\u00a0%]",
        "to best",
        "p",
        "cost",
        "training s",
        "p50 ms",
        "p95 ms",
        words_of(comparison).throughput,
    ]
    heads += ["size MB", "memory MB", "parameters", "front"]
    body = [_row(row, comparison, low, max(high - low, 1e-9)) for row in rows]
    # In a body of their own, which is not sorted: a stopped rung has one cell for all columns.
    stopped = [
        f'<tr class="stopped"><th scope="row">{esc(rung)}</th>'
        f'<td class="wrap" colspan="{len(heads) - 1}"><span>{esc(why)}</span></td></tr>'
        for rung, why in comparison.get("stopped", {}).items()
    ]
    seeds = (
        "± is the standard deviation over seeds; the interval is for their mean, with the trained models as "
        "they are."
        if several
        else "One seed per rung: how far another would differ is not known (--seeds 3 tells)."
    )
    tested = words_of(comparison).tested
    head = "".join(f'<th scope="col"><button type="button">{name}</button></th>' for name in heads)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of all rungs">'
        f'<table class="sortable" aria-describedby="legend"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody><tbody>{''.join(stopped)}</tbody></table></div>"
        '<p class="soft" id="legend">Brackets and bars: 95 % bootstrap interval over test '
        f"{tested}. {seeds} To best: paired difference to the best rung on dev, on the same {tested}; "
        "p is Holm-adjusted. "
        "Cost: geometric mean of the ratios to the cheapest rung in latency (p50), training seconds and "
        "size. "
        "Front: no other rung is both better and cheaper in it. Click a heading to sort.</p>"
    )


def _row(row: Mapping[str, Any], comparison: Mapping[str, Any], low: float, span: float) -> str:
    rung = row["rung"]
    chosen, best = rung == comparison["pick"]["rung"], rung == comparison["best"]
    badges = ('<span class="badge">pick</span>' if chosen else "") + (
        '<span class="badge outline">best on dev</span>' if best else ""
    )
    left, right = ((bound - low) / span * 100 for bound in row["interval"])
    at = (row["score"] - low) / span * 100
    bar = (
        f'<span class="bar" aria-hidden="true"><i style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
        f'<b style="left:{at:.1f}%"></b></span>'
    )
    sd = "" if row.get("sd") is None else f" ± {row['sd']:.3f}"
    score = f"{row['score']:.3f}{sd} [{row['interval'][0]:.3f}, {row['interval'][1]:.3f}]{bar}"
    difference = row.get("difference")
    on = [spoken for key, spoken in MARKS.items() if rung in comparison["fronts"].get(key, ())]
    cells = [
        _cell(score, row["score"]),
        _cell("–" if difference is None else f"{difference:+.3f}".replace("-", "−"), difference),
        _cell("–" if row.get("p") is None else esc(told_p(row["p"]).removeprefix("= ")), row.get("p")),
        _cell(f"{comparison['costs'][rung]:.3g}×", comparison["costs"][rung]),
        *(
            _cell(number(row.get(key)), row.get(key))
            for key in (
                "training_seconds",
                "latency_p50_ms",
                "latency_p95_ms",
                "throughput",
                "size_mb",
                "peak_memory_mb",
            )
        ),
        _cell("–" if row.get("parameters") is None else f"{row['parameters']:,}", row.get("parameters")),
        f'<td class="wrap" data-value="{len(on)}">{", ".join(on)}</td>',
    ]
    head = f'<th scope="row" data-value="{esc(rung)}">{esc(rung)}{badges}</th>'
    kind = ' class="pick"' if chosen else ""
    return f"<tr{kind}>{head}{''.join(cells)}</tr>"


def _cell(shown: str, value: Any) -> str:
    return f'<td data-value="{"" if value is None else value}">{shown}</td>'


def cost(material: Material, drawn: Mapping[str, Any]) -> str:
    told = "Error bars: 95 % interval. Dotted: the Pareto front. Up and to the left is better."
    if not material.comparison["higher_is_better"]:
        told = told.replace("Up", "Down")
    one = words_of(material.comparison).one
    shown = [
        figure("cost-latency_p50_ms", f"Score against latency of {one}"),
        figure("cost-training_seconds", "Score against training time"),
    ]
    return f'<p class="soft">{told}</p><div class="pair">{"".join(shown)}</div>'


def learning(material: Material, drawn: Mapping[str, Any]) -> str:
    shown = [
        figure("learning-epoch", "Dev score by epoch"),
        figure("learning-seconds", "Dev score by seconds of training"),
    ]
    return (
        '<p class="soft">The larger mark is the state that was kept: the best on dev. First seed of each.</p>'
        f'<div class="pair">{"".join(shown)}</div>{_ends(material)}'
    )


def _ends(material: Material) -> str:
    """Why each training ended; a rung cut by the clock while it still improved deserves more time."""
    lines = []
    for rung, scores in material.scores.items():
        best, epochs = scores.get("best_epoch"), scores.get("epochs")
        if best is None or epochs is None:
            continue
        cut = scores.get("stopped") in ("max_seconds", "budget")
        still = cut and material.checks[rung] and material.checks[rung][-1].get("best")
        more = " – it was still getting better: more time may raise its score" if still else ""
        told = f"{epochs:.3g} {'epoch' if epochs == 1 else 'epochs'}"
        ended = ENDS.get(scores["stopped"], f"ended by {scores['stopped']}")
        lines.append(f"<li>{esc(rung)}: {told}, best at {best:.3g}, {esc(ended)}{more}</li>")
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def data_size(material: Material, drawn: Mapping[str, Any]) -> str:
    curves = material.comparison.get("learning_curve")
    if not curves:
        return ""
    first, counted = material.comparison["pick"]["rung"], words_of(material.comparison).trained
    ordered = sorted(curves, key=lambda rung: rung != first)
    told = "".join(f"<li><b>{esc(rung)}</b>: {esc(curves[rung]['verdict'])}</li>" for rung in ordered)
    return f"{figure('data', f'Test score by number of training {counted}', matrix=True)}<ul>{told}</ul>"


def data(material: Material, drawn: Mapping[str, Any]) -> str:
    facts = material.comparison["data"]
    parts = [(name, facts[name]) for name in ("file", "train", "dev", "test") if name in facts]
    rows = rows_are(material.comparison)
    items = [(name, f"{v:,} {rows}" if isinstance(v, int) else str(v)) for name, v in parts]
    notes = "".join(f"<li>{esc(str(note))}</li>" for note in facts.get("notes", ()))
    if isinstance(material.findings, BlockFindings):  # text that runs on is not cut
        return f"{pairs(items)}{f'<ul>{notes}</ul>' if notes else ''}"
    cut = []
    for rung, scores in material.scores.items():
        texts = scores.get("tokenizer", {}).get("texts_cut", 0)
        counts = texts if isinstance(texts, dict) else {"all": texts}
        said = ", ".join(f"{n:,} of {part}" for part, n in counts.items() if n)
        if said:
            cut.append(f"{esc(rung)} ({esc(str(scores.get('units', '')))}): {said}")
    # Of long passages nothing is cut: they are read in windows.
    long = "Texts read in windows, as they are long" if material.comparison["task"] == "span" else LONG
    told = f"{long}: {'; '.join(cut)}." if cut else "No text was too long for a rung."
    return f"{pairs(items)}{f'<ul>{notes}</ul>' if notes else ''}<p>{told}</p>"


def repeat(material: Material, drawn: Mapping[str, Any]) -> str:
    comparison, out = material.comparison, shlex.quote(str(material.folder))
    commands = [
        ("This comparison", comparison["command"]),
        *_uses(material, out),
    ]
    return "".join(
        f'<h3>{esc(name)}</h3><div class="copy"><pre><code id="command-{i}">{esc(command)}</code></pre>'
        f'<button class="act" type="button" data-copy="command-{i}">Copy</button></div>'
        for i, (name, command) in enumerate(commands)
    )


def _uses(material: Material, out: str) -> list[tuple[str, str]]:
    if isinstance(material.findings, BlockFindings):
        return [
            ("New text from the pick", f"textladder generate {out} --length 400 --temperature 0.8"),
            ("The pick on another text", f"textladder score {out} other.txt"),
        ]
    if material.comparison["task"] == "embed":
        return [
            ("Search with the pick", f'textladder search {out} corpus.txt "a query"'),
            ("The pick on another file of pairs", f"textladder evaluate {out} other.csv"),
        ]
    if material.comparison["task"] == "translate":
        return [
            ("The pick on new texts", f"textladder translate {out} new.txt"),
            ("The pick on other texts and their translations", f"textladder evaluate {out} other.csv"),
        ]
    new, other = FILES.get(material.comparison["task"], ("new.txt", "other.csv"))
    return [
        (f"The pick on new {words_of(material.comparison).tested}", f"textladder predict {out} {new}"),
        ("The pick on another labelled file", f"textladder evaluate {out} {other}"),
    ]


def environment(material: Material, drawn: Mapping[str, Any]) -> str:
    rows = material.comparison["rows"]
    items = [(name, str(value)) for name, value in material.comparison["environment"].items()]
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    items.append(("seeds", ", ".join(map(str, seeds))))
    precision = {rung: scores.get("precision", "") for rung, scores in material.scores.items()}
    items.append(("precision", ", ".join(f"{rung} {value}" for rung, value in precision.items() if value)))
    signature = next(iter(material.scores.values()))["test"].get("signature")
    items += [("score", signature)] if signature else []
    return pairs(items)
