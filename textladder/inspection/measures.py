"""The section of a comparison's page that has every measure of every rung: one alone chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textladder.inspection.pieces import esc
from textladder.wording import named, told

if TYPE_CHECKING:
    from textladder.inspection.page import Material

LOWER = {
    "brier",
    "expected_calibration_error",
    "log_loss",
    "mean_absolute_error",
    "root_mean_squared_error",
    "ter",
}


def measures(material: Material, drawn: Mapping[str, Any]) -> str:
    """A row for each rung, a column for each number in the test scores of any."""
    of_rungs = {rung: scores["test"]["scores"] for rung, scores in material.scores.items()}
    keys = list(dict.fromkeys(key for scores in of_rungs.values() for key in scores))
    if not keys:
        return ""
    heads = "".join(f'<th scope="col">{esc(named(key))}{" ↓" * (key in LOWER)}</th>' for key in keys)
    body = "".join(
        f'<tr><th scope="row">{esc(rung)}</th>'
        + "".join(f"<td>{'–' if scores.get(key) is None else told(key, scores[key])}</td>" for key in keys)
        + "</tr>"
        for rung, scores in of_rungs.items()
    )
    lower = " ↓: lower is better." if LOWER.intersection(keys) else ""
    units = " Errors are in units of the labels." if "mean_absolute_error" in keys else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Every measure of every rung"><table>'
        f'<thead><tr><th scope="col">rung</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<p class="soft">On the test part, first seed of each rung.{lower}{units}</p>'
    )
