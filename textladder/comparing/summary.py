"""What compare.json holds: every figure of a comparison and what is decided from it.

    format_version task metric higher_is_better command data environment
    rows: one per rung tested (`Row`)        best: rung        stopped: rung -> why it was not tested
    pick: {rung, reason, model (a folder), cost, detectable}   costs: rung -> number   fronts: cost -> rungs
    runs: rung -> [{folder, seed}]
    learning_curve: rung -> {points: [{texts, score, interval}], verdict} (language models: texts counts
        characters)

Folders are relative to that of compare.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textladder.comparing.answers import statistic_of
from textladder.comparing.deciding import learning_verdict, pick
from textladder.comparing.rows import Compared, Row, compare_runs, labels_of
from textladder.comparing.telling import fronts
from textladder.metrics.intervals import bootstrap
from textladder.wording import words_of

FORMAT_VERSION = 1


def summarise(
    runs: Sequence[tuple[str, float, dict[str, Any]]],
    *,
    folder: Path,
    stopped: Mapping[str, str],
    command: str,
    data: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> dict[str, Any]:
    """Decide, and tell it as one JSON-able object.

    runs: (run folder relative to `folder`, share of the training texts, what its scores.json holds) of every
    finished run. A rung without a run on all texts is left to `stopped`. Raises Problem when there is none,
    or when runs cannot be compared.
    """
    full: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    parts: dict[str, dict[float, list[tuple[str, dict[str, Any]]]]] = {}
    for name, share, scores in runs:
        if share == 1:
            full.setdefault(scores["rung"], []).append((name, scores))
        parts.setdefault(scores["rung"], {}).setdefault(share, []).append((name, scores))
    words = words_of(runs[0][2])
    compared = compare_runs({rung: [folder / name for name, _ in found] for rung, found in full.items()})
    chosen = pick(
        compared.rows,
        compared.best,
        metric=compared.metric,
        higher_is_better=compared.higher_is_better,
        tested=words.tested,
    )
    sign = 1 if compared.higher_is_better else -1
    model, _ = max(full[chosen.rung], key=lambda run: sign * run[1]["dev"]["score"])
    first = full[chosen.rung][0][1]
    return {
        "format_version": FORMAT_VERSION,
        "task": first["task"],
        "metric": compared.metric,
        "higher_is_better": compared.higher_is_better,
        "command": command,
        "rows": [row.to_dict() for row in compared.rows],
        "best": compared.best,
        "pick": {
            "rung": chosen.rung,
            "reason": chosen.reason,
            "model": f"{model}/model",
            "cost": chosen.costs[chosen.rung],
            "detectable": chosen.detectable,
        },
        "costs": chosen.costs,
        "fronts": fronts(compared.rows, compared.higher_is_better),
        "stopped": {rung: why for rung, why in stopped.items() if rung not in full},
        "runs": {
            rung: [{"folder": name, "seed": scores["seed"]} for name, scores in found]
            for rung, found in full.items()
        },
        "learning_curve": {
            row.rung: _curve(row, parts[row.rung], folder, compared, words.trained)
            for row in compared.rows
            if len(parts[row.rung]) > 1
        },
        "data": dict(data),
        "environment": dict(environment),
    }


def _curve(
    row: Row,
    shares: Mapping[float, Sequence[tuple[str, dict[str, Any]]]],
    folder: Path,
    compared: Compared,
    counted: str,
) -> dict[str, Any]:
    metric, points = compared.metric, []
    for share, found in sorted(shares.items()):
        score, interval = row.score, row.interval
        if share != 1:
            files = [folder / name / "predictions.jsonl" for name, _ in found]
            drawn = bootstrap(statistic_of(files, metric, labels_of(found[0][1])))
            score, interval = drawn.value, (drawn.low, drawn.high)
        trained = found[0][1]
        points.append((int(trained.get(f"training_{counted}", trained["training_texts"])), score, interval))
    return {
        "points": [{"texts": n, "score": score, "interval": list(bounds)} for n, score, bounds in points],
        "verdict": learning_verdict(
            points, metric=metric, higher_is_better=compared.higher_is_better, counted=counted
        ),
    }
