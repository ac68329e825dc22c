"""The page of a comparison: one HTML file that opens anywhere, offline, and asks the network for nothing."""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textladder.comparing.answers import read_answers, read_blocks, read_numbers, side_by_side
from textladder.files import writing
from textladder.inspection import figures, sections
from textladder.inspection.blocks import BlockFindings, find_blocks
from textladder.inspection.findings import Findings, find
from textladder.inspection.frame import SCRIPTED, asset, framed
from textladder.inspection.numbers import NumberFindings, find_numbers
from textladder.metrics import regression
from textladder.wording import words_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Found = Findings | BlockFindings | NumberFindings
EXAMPLES = 20  # texts shown of each kind
CHECKS = 300  # points of one learning curve; more cannot be seen
LABELS = 40  # labels of a confusion matrix; with more, those that are confused most


@dataclass(frozen=True)
class Material:
    """What the page is made from: compare.json, and of each rung's first seed its scores and its checks."""

    folder: Path
    comparison: Mapping[str, Any]
    scores: dict[str, dict[str, Any]]
    checks: dict[str, list[dict[str, Any]]]
    findings: Found


def write_page(folder: Path, comparison: Mapping[str, Any]) -> Path:
    """Write folder/index.html from compare.json's content and the run folders beside it; returns its path.

    The test set may be of any size: predictions are read once, line by line, and the page shows at most
    EXAMPLES texts of a kind. Raises Problem if a run folder lacks a file or `folder` cannot be written.
    """
    page = render(gather(folder, comparison))
    path = folder / "index.html"
    fresh = path.with_name("index.html.new")
    with writing(path):
        # Lone surrogates have no UTF-8; they are shown as question marks.
        fresh.write_bytes(page.encode("utf-8", "replace"))
        os.replace(fresh, path)
    return path


def gather(folder: Path, comparison: Mapping[str, Any]) -> Material:
    """Read what the page needs from the run folders. Of several seeds the first stands for its rung."""
    runs = {rung: folder / found[0]["folder"] for rung, found in comparison["runs"].items()}
    files = {rung: run / "predictions.jsonl" for rung, run in runs.items()}
    pair = (comparison["pick"]["rung"], comparison["best"])
    found: Found
    if comparison["metric"] == "bits_per_character":
        found = find_blocks(side_by_side(files, read_blocks), runs, examples=EXAMPLES)
    elif comparison["metric"] in regression.HEADLINES:
        found = find_numbers(side_by_side(files, read_numbers), runs, examples=EXAMPLES)
    else:
        found = find(side_by_side(files, read_answers), runs, pair=pair, examples=EXAMPLES)
    return Material(
        folder=folder,
        comparison=comparison,
        scores={rung: json.loads((run / "scores.json").read_text("utf-8")) for rung, run in runs.items()},
        checks={rung: _thin(list(_checks(run / "log.jsonl"))) for rung, run in runs.items()},
        findings=found,
    )


def render(material: Material) -> str:
    """The page as text."""
    drawn = draw(material)
    parts = sections.build(material, drawn)
    comparison = material.comparison
    title = f"Which rung is worth its cost on {Path(str(comparison['data'].get('file', 'this data'))).name}?"
    several = any(len(found) > 1 for found in comparison["runs"].values())
    seeds = " Where single answers are shown they are those of each rung's first seed." if several else ""
    links = "".join(f'<a href="#{part.anchor}">{html.escape(part.short)}</a>' for part in parts)
    return framed(
        "page.html",
        title=title,
        subtitle=(
            f"{len(comparison['rows'])} rungs of textladder, task {comparison['task']}, chosen on dev, "
            f"tested once on {material.findings.texts:,} {words_of(comparison).tested}.{seeds}"
        ),
        nav=f'<nav aria-label="Sections">{links}</nav>\n',
        policy=f"{SCRIPTED}; img-src data: blob:",
        sections="\n".join(part.html for part in parts),
        figures=script_json({name: _spec(figure) for name, figure in drawn.items()}),
        plotly=_plotly(),
        js=asset("page.js"),
    )


def draw(material: Material) -> dict[str, Figure]:
    """All figures of the page by the id under which the sections ask for them."""
    comparison, metric = material.comparison, material.comparison["metric"]
    rungs = list(material.scores)
    words = words_of(comparison)
    drawn = {f"cost-{cost}": figures.trade_off(comparison, cost) for cost in figures.COST_TITLES}
    drawn["learning-epoch"] = figures.learning(material.checks, metric, "epoch")
    drawn["learning-seconds"] = figures.learning(material.checks, metric, "seconds")
    if comparison.get("learning_curve"):
        drawn["data"] = figures.data_curve(comparison["learning_curve"], metric, rungs, words.trained)
    for i, rung in enumerate(rungs):
        details = material.scores[rung]["test"].get("details", {})
        if "confusion" in details:
            drawn[f"confusion-{i}"] = figures.confusion(*most_confused(details["confusion"], LABELS))
        if "calibration" in details:
            drawn[f"calibration-{i}"] = figures.reliability(details["calibration"]["table"], rung, rungs)
    if len(rungs) > 1:
        found = material.findings
        if not isinstance(found, Findings):
            drawn["disagreement"] = figures.wins(found.rungs, found.wins, found.texts, words.tested)
        else:
            drawn["disagreement"] = figures.disagreement(
                found.rungs, found.differing, found.texts, words.tested
            )
    return drawn


def most_confused(confusion: Mapping[str, Any], limit: int) -> tuple[list[str], list[list[int]]]:
    """Labels and matrix, cut to the `limit` labels with most errors (as gold or answer), in their order."""
    labels, matrix = confusion["labels"], confusion["gold_by_predicted"]
    if len(labels) <= limit:
        return list(labels), [list(row) for row in matrix]
    errors = [
        sum(matrix[i]) + sum(row[i] for row in matrix) - 2 * matrix[i][i]  # off the diagonal, both ways
        for i in range(len(labels))
    ]
    kept = sorted(sorted(range(len(labels)), key=lambda i: -errors[i])[:limit])
    return [labels[i] for i in kept], [[matrix[i][j] for j in kept] for i in kept]


def _checks(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8") as file:
            for line in file:
                event = json.loads(line)
                if event.get("event") == "check":
                    yield event


def _thin(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most about CHECKS points, evenly; the one whose weights were kept and the last always."""
    step = -(-len(points) // CHECKS) if points else 1
    last = len(points) - 1
    best = max((i for i, point in enumerate(points) if point.get("best")), default=-1)
    return [point for i, point in enumerate(points) if i % step == 0 or i in (best, last)]


def _spec(figure: Figure) -> Any:
    return figure.to_plotly_json()


def script_json(value: Any) -> str:
    """JSON that can stand in a script element: no "<" can end it, and it is ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _plotly() -> str:
    """plotly.js, gzip in base64: 4.8 MB become 2.0 MB (the package has no smaller bundle)."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode("utf-8"), 9, mtime=0)).decode("ascii")
