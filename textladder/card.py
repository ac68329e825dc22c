"""The README.md of a model folder: what the model is, how good it is, what it costs, how to use it."""

from __future__ import annotations

from typing import Any

from textladder import __version__
from textladder.recipe import Recipe


def model_card(recipe: Recipe, scores: dict[str, Any], labels: Any) -> str:
    """Markdown from a recipe and the content of scores.json."""
    names, latency = labels["labels"], scores["latency_ms"]
    shown = ", ".join(f"`{name}`" for name in names[:30]) + (
        f" and {len(names) - 30} more" if len(names) > 30 else ""
    )
    lines = [
        f"# {recipe.rung}: a model for the task `{recipe.task_name}`",
        "",
        f"{recipe.about} {recipe.source}".strip(),
        "",
        f"Trained by textladder {__version__}, seed {scores['seed']}. Labels ({len(names)}): {shown}.",
        "",
        "## How good it is",
        "",
        f"| texts | {scores['metric']} | 95 % interval | count |",
        "|---|---|---|---|",
    ]
    for part in ("dev", "test"):
        entry = scores[part]
        low, high = entry["interval"]
        interval = f"{low:.4f} to {high:.4f}"
        lines.append(f"| {part} | {entry['score']:.4f} | {interval} | {entry['count']:,} |")
    lines += [
        "",
        "The model was chosen by dev and tested once. The interval comes from resampling the test texts; it",
        "says nothing about texts of another kind than these.",
        "",
        "## What it costs",
        "",
        f"- training: {scores['training_seconds']:.1f} s "
        f"({scores['epochs']:g} epochs, stopped by: {scores['stopped']})",
        f"- one text: {latency['p50']:.2f} ms (median), {latency['p95']:.2f} ms (95 %)",
        f"- many texts: {scores['throughput']:,.0f} a second",
        f"- parameters: {scores['parameters']:,}",
        "",
        "## What it was trained on",
        "",
        *[f"- {note}" for note in scores["data"]],
        "",
        "## How to use it",
        "",
        "```",
        'echo "a text" | textladder predict PATH/TO/THIS/FOLDER -',
        "```",
        "```python",
        "from textladder import TextClassifier",
        'model = TextClassifier.load("PATH/TO/THIS/FOLDER")',
        'model.predict(["a text"])',
        "```",
        "",
        "`recipe.toml` holds everything that is needed to train it again. Loading runs no code from here.",
        "",
    ]
    return "\n".join(lines)
