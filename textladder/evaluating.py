"""A saved model on a file: scores of labelled texts, predictions of any texts."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from textladder.errors import Problem
from textladder.model import Model
from textladder.preparing import Part
from textladder.run import score_summary
from textladder.text.corpus import Corpus
from textladder.text.reading import open_source
from textladder.trainer import pick_device

CHUNK = 4096  # texts predicted at once


def evaluate_file(folder: Path, file: str, device: str = "auto") -> dict[str, Any]:
    """Score the model in `folder` on the labelled texts of `file`: task, rung, metric, score, interval, count,
    scores (every metric by name), details (tables)."""
    model = Model.load(folder, str(pick_device(device)))
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        corpus = Corpus.read(open_source(file, model.recipe.data), Path(work) / "corpus")
        part = Part(corpus, np.arange(len(corpus)))
        model.task.targets(
            [gold.target for gold in part.golds], corpus.places(part.rows)
        )  # labels seen in training
        outcomes = np.concatenate([model.predict(texts) for texts in part.texts()])
        summary = score_summary(model, outcomes, part)
    return {
        "task": model.recipe.task_name,
        "rung": model.recipe.rung,
        "metric": model.task.headline,
        "higher_is_better": model.task.higher_is_better,
        **summary,
    }


def predictions(folder: Path, file: str, device: str = "auto") -> Iterator[dict[str, Any]]:
    """What the model says of each text, in order; `file` is "-" for one text a line on stdin. Memory stays flat."""
    model = Model.load(folder, str(pick_device(device)))
    texts = _stdin_lines() if file == "-" else _file_texts(model, file)
    while chunk := list(islice(texts, CHUNK)):
        yield from model.task.present(model.predict(chunk))


def _file_texts(model: Model, file: str) -> Iterator[str]:
    source = open_source(file, model.recipe.data, need_label=False)
    for rows in source.batches():
        yield from rows.texts


def _stdin_lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise Problem(
                f"stdin, line {number:,}", "it is not UTF-8.", "Convert it: iconv -t UTF-8"
            ) from error
