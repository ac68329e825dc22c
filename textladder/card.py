"""The README.md of a model folder: what the model is, how good it is, what it costs, how to use it."""

from __future__ import annotations

from typing import Any

from textladder import __version__
from textladder.recipe import Recipe
from textladder.wording import words_of

FOLDER = "PATH/TO/THIS/FOLDER"
USES = {
    "classify": (
        f'echo "a text" | textladder predict {FOLDER} -',
        "TextClassifier",
        'model.predict(["a text"])',
    ),
    "pair": (
        f"printf 'one text\\tanother text\\n' | textladder predict {FOLDER} -",
        "PairClassifier",
        'model.predict([("one text", "another text")])',
    ),
    "embed": (
        f'echo "a text" | textladder predict {FOLDER} -\ntextladder search {FOLDER} corpus.txt "a query"',
        "TextEncoder",
        'model.transform(["a text"])\nmodel.search(["a query"], ["a text", "another text"])',
    ),
    "tag": (
        f'echo "Ada Lovelace lived in London ." | textladder predict {FOLDER} -',
        "TokenTagger",
        'model.predict(["Ada Lovelace lived in London ."])',
    ),
    "translate": (
        f'echo "a text" | textladder translate {FOLDER} -',
        "Translator",
        'model.predict(["a text"])',
    ),
    "span": (
        f"""echo '{{"passage": "Ada was here.", "question": "Who was?"}}' | textladder predict {FOLDER} -""",
        "AnswerExtractor",
        'model.predict(["Ada was here."], ["Who was?"])',
    ),
    "language": (
        f'textladder generate {FOLDER} --prompt "The" --length 200 --temperature 0.8\n'
        f"textladder score {FOLDER} some.txt",
        "LanguageModel",
        'model.generate("The", length=200, temperature=0.8)\nmodel.bits_per_character(["a text"])',
    ),
}


def model_card(recipe: Recipe, scores: dict[str, Any], labels: Any) -> str:
    """Markdown from a recipe and the content of scores.json."""
    latency, words = scores["latency_ms"], words_of(scores)
    trained = f"Trained by textladder {__version__}, seed {scores['seed']}."
    lines = [
        f"# {recipe.rung}: a model for the task `{recipe.task_name}`",
        "",
        f"{recipe.about} {recipe.source}".strip(),
        "",
        f"{trained} {_labels(labels['labels'])}".strip(),
        "",
        "## How good it is",
        "",
        f"| {words.tested} | {scores['metric']} | 95 % interval | count |",
        "|---|---|---|---|",
    ]
    for part in ("dev", "test"):
        entry = scores[part]
        low, high = entry["interval"]
        interval = f"{low:.4f} to {high:.4f}"
        lines.append(f"| {part} | {entry['score']:.4f} | {interval} | {entry['count']:,} |")
    told = f"The interval comes from resampling the test {words.tested}; it"
    lines += [
        "",
        f"The model was chosen by dev and tested once. {told}",
        "says nothing about texts of another kind than these.",
    ]
    if "perplexity" in scores["test"].get("scores", {}):
        lines += ["", *_perplexities(recipe, scores["test"]["scores"])]
    command, name, call = USES[recipe.task_name]
    if recipe.task_name == "pair" and labels.get("kind") == "score":
        name = "PairRegressor"
    many = words.throughput.partition("/")[0]
    lines += [
        "",
        "## What it costs",
        "",
        f"- training: {scores['training_seconds']:.1f} s "
        f"({scores['epochs']:g} epochs, stopped by: {scores['stopped']})",
        f"- {words.one}: {latency['p50']:.2f} ms (median), {latency['p95']:.2f} ms (95 %)",
        f"- many {many}: {scores['throughput']:,.0f} a second",
        f"- parameters: {scores['parameters']:,}",
        *([f"- receptive field: {scores['receptive_field']} units"] if "receptive_field" in scores else []),
        "",
        "## What it was trained on",
        "",
        *[f"- {note}" for note in scores["data"]],
        "",
        "## How to use it",
        "",
        "```",
        command,
        "```",
        "```python",
        f"from textladder import {name}",
        f'model = {name}.load("{FOLDER}")',
        call,
        "```",
        "",
        "`recipe.toml` holds everything that is needed to train it again. Loading runs no code from here.",
        "",
    ]
    return "\n".join(lines)


def _labels(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return f"Labels ({len(names)}): {', '.join(f'`{name}`' for name in names[:30])}{more}."


def _perplexities(recipe: Recipe, values: dict[str, float | None]) -> list[str]:
    """Infinite ones are None."""
    said = [("per unit", values["perplexity"]), ("per word", values["perplexity_per_word"])]
    shown = ", ".join(f"{'infinite' if value is None else f'{value:,.4g}'} {of}" for of, value in said)
    return [f"Test perplexity: {shown}. Units: {recipe.tokenizer.units}."]
