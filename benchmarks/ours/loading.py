"""Files of texts as the training takes them, without looking for leakage and without a test part."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from textladder.preparing import Data, Part, read_corpora
from textladder.recipe import Recipe
from textladder.tasks import task_class


def read_parts(chosen: Recipe, work: Path, train: str, dev: str) -> Data:
    reads = task_class(chosen.task_name).reads
    corpora = read_corpora(chosen.data, work, train, Path(dev), None, reads=reads)
    parts = {name: Part(corpus, np.arange(len(corpus))) for name, corpus in corpora.items()}
    return Data(train=parts["train"], dev=parts["dev"], test=None)
