"""From files and corpora to numbers, in memory that does not grow with the rows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import FILMS, data_of, films, small
from textladder.errors import Problem
from textladder.preparing import Part, prepare, read_data, split_data
from textladder.text.corpus import Corpus
from textladder.text.reading import DataConfig


def corpus(targets: list[tuple[str, ...]], name: str = "films") -> Corpus:
    return Corpus.of(films(len(targets))[0], targets, name)


def test_golds_are_the_targets_in_order() -> None:
    targets = [("a",), ("b", "c"), (), ("a",), ("c", "b")]
    part = Part(corpus(targets), np.array([4, 0, 1, 3]))
    golds = part.golds
    assert len(golds) == 4
    assert [gold.target for gold in golds] == [("c", "b"), ("a",), ("b", "c"), ("a",)]
    assert golds[1].where == "films:1"
    assert golds[-1] is golds[1]  # one object for each kind of target
    assert [gold.target for gold in golds[1:3]] == [("a",), ("b", "c")]


def test_golds_cost_a_few_bytes_a_row() -> None:
    rows = 20_000
    golds = Part(Corpus.of([""] * rows, [("ab"[n % 2],) for n in range(rows)]), np.arange(rows)).golds
    held = sys.getsizeof(golds._codes) + sys.getsizeof(golds._kinds)  # type: ignore[attr-defined]
    assert held < 8 * rows
    assert sum(gold.target == ("a",) for gold in golds) == rows // 2


def test_places_name_file_and_line(tmp_path: Path) -> None:
    data = read_data(DataConfig(), tmp_path, str(FILMS))
    example = next(data.train.examples())
    assert example.where.startswith("films.csv:")
    assert data.train.places(data.train.rows[:1]) == [example.where]


def test_parts_share_no_row_and_lose_none(tmp_path: Path) -> None:
    data = read_data(DataConfig(), tmp_path, str(FILMS))
    rows = [part.rows for part in data.parts().values()]
    assert sorted(np.concatenate(rows)) == list(range(24))
    assert any(note.startswith("texts: ") for note in data.notes)


def test_files_that_are_given_are_used_whole(tmp_path: Path) -> None:
    data = read_data(DataConfig(), tmp_path, str(FILMS), dev=FILMS, test=FILMS)
    assert {name: len(part) for name, part in data.parts().items()} == {"train": 24, "dev": 24, "test": 24}
    assert any("stand in train too" in note for note in data.notes)


def test_a_part_without_texts_is_a_problem() -> None:
    with pytest.raises(Problem, match="no text is left for dev"):
        split_data(DataConfig(dev_share=0.0), {"train": corpus([("a",), ("b",)] * 4)})


def test_a_smaller_share_is_part_of_a_larger_one() -> None:
    part = data_of(48).train
    small_one, large = part.first(0.1, seed=3), part.first(0.5, seed=3)
    assert (len(small_one), len(large)) == (5, 24)
    assert set(small_one.rows) < set(large.rows)


def test_tokenizer_and_labels_are_learnt_from_training_texts_only(tmp_path: Path) -> None:
    train, dev = corpus([("a",), ("b",)] * 8), Corpus.of(["never-seen"], [("c",)], "dev.csv")
    data = split_data(DataConfig(), {"train": train, "dev": dev, "test": dev})
    with pytest.raises(Problem, match=r"dev\.csv:1.*labels that no training text has"):
        prepare(small("bow"), data, tmp_path)
    known = Corpus.of(["never-seen"], [("b",)], "dev.csv")
    data = split_data(DataConfig(), {"train": train, "dev": known, "test": known})
    prepared = prepare(small("bow"), data, tmp_path)
    assert "never" not in prepared.tokenizer.vocabulary
    assert prepared.labels["labels"] == ["a", "b"]


def test_windows_keep_their_owner(tmp_path: Path) -> None:
    data = data_of(24)
    prepared = prepare(small("lstm", tokenizer__max_length=4, tokenizer__overlong="window"), data, tmp_path)
    store = prepared.stores["train"]
    assert len(store) > 24
    assert store.columns["text"].lengths.max() == 4
    owner = np.asarray(store.columns["owner"].flat)
    assert set(owner) == set(range(24))
    assert prepared.cuts["train"].texts_cut > 0


def test_the_fingerprint_knows_texts_and_labels(tmp_path: Path) -> None:
    chosen = small("bow")
    prints = set()
    for number, data in enumerate((data_of(48), data_of(48), data_of(49), data_of(48, dev=15))):
        prints.add(prepare(chosen, data, tmp_path / str(number)).fingerprint)
    assert len(prints) == 3
