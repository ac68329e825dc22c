"""What every training promises, of each rung of classify and of each task: stopped and resumed it is never
stopped, bit for bit; two processes give what one gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.samples import SAMPLES
from tests.helpers import small, trained
from tests.training.test_distributed import assert_same_result, side_by_side
from tests.training.test_resuming import SAVING, Stop, fail, left_by, stop_after
from textladder import distributed, recipe
from textladder.batch import Example
from textladder.preparing import Data, read_data
from textladder.recipe import Recipe
from textladder.tasks import TASKS, task_class

# (task, rung, what differs). Not losses that tell the texts of a batch apart (`Batch.together`): for them a
# batch is what one process computes.
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{f"classify {rung}": ("classify", rung, {}) for rung in recipe.rungs("classify")},
    # Not Adam: the keys' bias has no gradient but rounding, which Adam makes steps of its full size.
    "classify attention": (
        "classify",
        "attention",
        {"training__optimizer": "sgd", "training__learning_rate": 0.1},
    ),
    "pair": ("pair", "esim", {}),
    "embed": ("embed", "average", {"task__loss": "cosine", "task__metric": "pearson"}),
    "tag": ("tag", "bilstm-crf", {}),
    "span": ("span", "bidaf", {}),
    "translate": ("translate", "rnn-attention", {}),
    "language": ("language", "lstm", {"tokenizer__max_length": 8, "training__batch_texts": 4}),
}
LINES = {
    "classify": "classify two",
    "pair": "pair towers",
    "embed": "embed, scores",
    "tag": "tag spans",
    "span": "span",
    "translate": "translate",
    "language": "classify two",
}
REPEATS = 4


def line_of(task: str, example: Example) -> str:
    """As the files of a task have it."""
    first, *others = example.texts
    if task == "language":
        return first
    row: dict[str, Any] = {"text": first, "label": "".join(map(str, example.target))}
    if task in ("pair", "embed"):
        row = {"text_a": first, "text_b": others[0], "label": example.target[0]}
    elif task == "tag":
        row = {"text": first, "spans": example.target}
    elif task == "span":
        answers = [{"text": first[start:end], "start": start} for start, end in example.target]
        row = {"passage": first, "question": others[0], "answers": answers}
    elif task == "translate":
        row = {"source": first, "target": others[0]}
    return json.dumps(row)


def asked(name: str, folder: Path, **more: Any) -> tuple[Recipe, Data]:
    """The recipe and the data of a case: a few lines, again and again, to train on, to choose by and to test
    on; `folder` gets the files."""
    task, rung, changes = CASES[name]
    folder.mkdir(parents=True)
    file = folder / f"lines.{'txt' if task == 'language' else 'jsonl'}"
    examples = SAMPLES[LINES[task]].examples * REPEATS * (3 if task == "language" else 1)
    file.write_text("".join(line_of(task, one) + "\n" for one in examples), encoding="utf-8")
    values = {"training__epochs": 1, "training__batch_texts": 5, **SAVING, **changes, **more}
    chosen = small(rung, task, **values)
    reads = task_class(task).reads
    return chosen, read_data(
        chosen.data, folder / "read", str(file), file, file, look_for_leakage=False, reads=reads
    )


def test_every_task_has_a_case() -> None:
    assert {task for task, _, _ in CASES.values()} == set(TASKS)


@pytest.mark.parametrize("name", CASES)
def test_stopped_and_resumed_is_never_stopped(name: str, tmp_path: Path) -> None:
    chosen, data = asked(name, tmp_path / "data", dropout=True)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trained(chosen, whole, data)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(3, patch, fail)
        with pytest.raises(Stop):
            trained(chosen, parts, data)
    assert (parts / "resume").is_dir()
    trained(chosen, parts, data, resume=True)
    assert left_by(parts) == left_by(whole)


def _all_cases(folder: Path, rank: int) -> None:
    """What each of several processes does."""
    distributed.start()
    for name in CASES:
        trained(*_placed(name, folder, rank))
    distributed.stop()


def _placed(name: str, folder: Path, rank: int = 0) -> tuple[Recipe, Path, Data]:
    chosen, data = asked(name, folder / f"data{rank}" / name)
    return chosen, folder / name, data


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of all cases, each made by two processes, which are the same for all."""
    folder = tmp_path_factory.mktemp("two")
    for code, said in side_by_side(_all_cases, folder / "said", folder, seconds=240):
        assert code == 0, said
    return folder


@pytest.mark.parametrize("name", CASES)
def test_two_processes_equal_one(name: str, two: Path, tmp_path: Path) -> None:
    trained(*_placed(name, tmp_path))
    assert_same_result(tmp_path / name, two / name)
