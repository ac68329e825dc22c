"""What commands write on stdout: one JSON object for other programs, or what a run came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from textladder.wording import words_of


def print_json(value: Any) -> None:
    typer.echo(json.dumps(_finite(value), ensure_ascii=False, allow_nan=False))


def print_scores(scores: dict[str, Any], out: Path) -> None:
    """The scores and costs of a finished run."""
    test, words = scores["test"], words_of(scores)
    low, high = test["interval"]
    p50 = f"{scores['latency_ms']['p50']:.2f}"
    typer.echo(
        f"{scores['rung']}: test {scores['metric']} {test['score']:.4f} "
        f"(95 % interval {low:.4f} to {high:.4f}, {test['count']:,} {words.tested}), "
        f"dev {scores['dev']['score']:.4f}\n"
        f"{scores['training_seconds']:.1f} s of training, {p50} ms for {words.one}, "
        f"{scores['size_mb']:.2f} MB on disk, {scores['peak_memory_mb']:.0f} MB of memory at most\n"
        f"The model: {out / 'model'}"
    )


def print_evaluation(result: dict[str, Any]) -> None:
    """What `evaluating.evaluate_file` found."""
    low, high = result["interval"]
    typer.echo(
        f"{result['metric']} {result['score']:.4f} "
        f"(95 % interval {low:.4f} to {high:.4f}, {result['count']:,} {words_of(result).tested})"
    )
    intervals = result.get("intervals", {})
    for name, value in result["scores"].items():
        if name != result["metric"] and value is not None:
            low, high = intervals.get(name, (None, None))
            within = "" if low is None else f" ({low:.4f} to {high:.4f})"
            typer.echo(f"  {name} {value:.4f}{within}")
    for note in result["notes"]:
        typer.echo(note)
    typer.echo(result["signature"])


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for both."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
