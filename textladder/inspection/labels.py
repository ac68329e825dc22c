"""The sections of a comparison's page that are about labels: of classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textladder.inspection.findings import Findings
from textladder.inspection.pieces import bdi, chooser, esc, examples, figure
from textladder.wording import words_of

if TYPE_CHECKING:
    from textladder.inspection.page import Material

OPEN = 30  # labels of a table that is unfolded
TAGGED = (
    "The confidence of an error is that of the surest span that is wrong; where spans are missed alone, that "
    "of the least sure token. Behind each span stands its label."
)
UNSURE = "Right is a text that gets all of its labels and no other."


def confusion(material: Material, drawn: Mapping[str, Any]) -> str:
    if not any(name.startswith("confusion-") for name in drawn):
        return ""
    details = next(s["test"]["details"] for s in material.scores.values())
    labels = len(details["confusion"]["labels"])
    from textladder.inspection.page import LABELS

    counted = words_of(material.comparison).confused
    cut = f" Of {labels} labels the {LABELS} with most errors are shown." if labels > LABELS else ""
    return (
        f'<p class="soft">Rows: gold labels; colour: share of the row; numbers: {counted}.{cut}</p>'
        + chooser(material.scores, material.comparison["pick"]["rung"], "confusion", drawn)
        + figure("confusion", "Confusion matrix of the rung chosen above", own=False, matrix=True)
    )


def per_label(material: Material, drawn: Mapping[str, Any]) -> str:
    """F1 of every label under every rung."""
    per_rung = {
        rung: {entry["label"]: entry for entry in scores["test"].get("details", {}).get("per_class", ())}
        for rung, scores in material.scores.items()
    }
    first = next(iter(per_rung.values()))
    if not first:
        return ""
    counted = words_of(material.comparison).labelled
    heads = "".join(f'<th scope="col">{esc(rung)}</th>' for rung in per_rung)
    body = "".join(
        f'<tr><th scope="row">{bdi(label)}</th><td>{entry["support"]:,}</td>'
        + "".join(
            f"<td>{found[label]['f1']:.3f}</td>" if label in found else "<td>–</td>"
            for found in per_rung.values()
        )
        + "</tr>"
        for label, entry in first.items()
    )
    return (
        f"<details{' open' if len(first) <= OPEN else ''}><summary>F1 of {len(first):,} labels</summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="F1 of every label"><table><thead><tr>'
        f'<th scope="col">label</th><th scope="col">test {counted}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></details>"
    )


def calibration(material: Material, drawn: Mapping[str, Any]) -> str:
    if not any(name.startswith("calibration-") for name in drawn):
        return ""
    errors = ", ".join(
        f"{esc(rung)} {details['calibration']['expected_calibration_error']:.3f}"
        for rung, scores in material.scores.items()
        if "calibration" in (details := scores["test"].get("details", {}))
    )
    return (
        f"<p>Expected calibration error (0 is perfect): {errors}.</p>"
        '<p class="soft">Below the dotted line a rung is surer than it should be.</p>'
        + chooser(material.scores, material.comparison["pick"]["rung"], "calibration", drawn)
        + figure("calibration", "Reliability diagram of the rung chosen above", own=False, matrix=True)
    )


def hardest(material: Material, drawn: Mapping[str, Any]) -> str:
    found = material.findings
    assert isinstance(found, Findings)
    words = words_of(material.comparison)
    told = TAGGED if material.comparison["task"] == "tag" else "" if found.confident else UNSURE
    order, with_what = (
        ("most confident", "confidence") if found.confident else ("largest loss", "a large loss")
    )
    return (
        f"<p>Every rung is right on {found.all_right:,} of {found.texts:,} test "
        f"{words.tested}, none on "
        f"{found.all_wrong:,}.</p>"
        f'<p class="soft">The {len(found.hardest)} that most rungs get wrong, the {order} first. '
        f"What all get wrong with {with_what} is worth a look at its {words.gold[0]}. {told}</p>"
        + examples(found.hardest, gold=words.gold)
    )


def disagreement(material: Material, drawn: Mapping[str, Any]) -> str:
    found = material.findings
    assert isinstance(found, Findings)
    if "disagreement" not in drawn:
        return ""
    told, tested = "", words_of(material.comparison).tested
    if found.pair is not None:
        first, second = map(esc, found.pair)
        only_first, only_second, both = found.pair_counts
        both_are = "both are surest of what they answer" if found.confident else "their losses differ most"
        told = (
            f"<h3>{first}, the pick, and {second}, the best on dev</h3>"
            f"<p>They differ on {only_first + only_second + both:,} {tested}: only {first} is right on "
            f"{only_first:,}, only {second} on {only_second:,}, neither on {both:,}.</p>"
            f'<p class="soft">The {len(found.between)} on which {both_are}.</p>'
            + examples(found.between, found.pair, words_of(material.comparison).gold)
        )
    return (
        f'<p class="soft">Share of test {tested} on which two rungs give different answers.</p>'
        + figure("disagreement", "Matrix of disagreement between rungs", matrix=True)
        + told
    )
