"""Folders, states and perplexity."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ngrams.helpers import chunks, drawn, fitted, tokenised, vocabulary
from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.evaluating import perplexity
from textladder.ngrams.model import FILES, HEADER, NgramModel

SIZE = 30
TEXTS = drawn(200, SIZE)


def test_saved_loaded_and_fitted_again_are_the_same(tmp_path: Path) -> None:
    config = NgramConfig(order=3, prune=(0, 0, 1))
    model = fitted(TEXTS, SIZE, tmp_path / "one", config)
    model.save(tmp_path / "two")
    again = fitted(TEXTS, SIZE, tmp_path / "three", config)
    for name in (*FILES, HEADER):
        saved = [(tmp_path / place / name).read_bytes() for place in ("one", "two", "three")]
        assert saved[0] == saved[1] == saved[2]
    loaded = NgramModel.load(tmp_path / "two")
    assert (loaded.about, loaded.vocabulary) == (again.about, model.vocabulary)
    scores = [m.log_probs(Ragged.of(TEXTS)).flat for m in (model, loaded)]
    np.testing.assert_array_equal(*scores)


def test_a_model_in_use_outlives_its_folder(tmp_path: Path) -> None:
    model = fitted(TEXTS, SIZE, tmp_path, NgramConfig(order=3))
    before = model.log_probs(Ragged.of(TEXTS)).flat
    fitted([[4]] * 3, SIZE, tmp_path, NgramConfig(order=2))
    np.testing.assert_array_equal(model.log_probs(Ragged.of(TEXTS)).flat, before)


def test_a_stopped_count_leaves_no_model_and_can_be_started_again(tmp_path: Path) -> None:
    def stopped() -> Iterator[Ragged]:
        yield Ragged.of(TEXTS)
        raise KeyboardInterrupt

    fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    with pytest.raises(KeyboardInterrupt):
        NgramModel.fit(stopped(), vocabulary(SIZE), NgramConfig(), tmp_path)
    with pytest.raises(Problem, match="no finished n-gram model here"):
        NgramModel.load(tmp_path)
    fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, HEADER}


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Problem, match="the disk is full"):
        fitted(TEXTS, SIZE, tmp_path, NgramConfig())


def test_threads_change_nothing(tmp_path: Path) -> None:
    texts = drawn(4000, SIZE)
    one, two = (fitted(texts, SIZE, tmp_path / str(n), NgramConfig(order=4, threads=n)) for n in (1, 2))
    for first, second in zip(one.arrays, two.arrays, strict=True):
        np.testing.assert_array_equal(first, second)
    scores = [model.log_probs(Ragged.of(texts)) for model in (one, two)]
    np.testing.assert_array_equal(scores[0].flat, scores[1].flat)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_named(name: str, tmp_path: Path) -> None:
    fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Problem, match=f"{name}: this file was cut short or changed"):
        NgramModel.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Problem, match=f"{name}: this file of the model is missing"):
        NgramModel.load(tmp_path)


def test_headers_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no finished n-gram model here"):
        NgramModel.load(tmp_path / "nowhere")
    fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    header = json.loads((tmp_path / HEADER).read_text())
    for changed, said in (
        ({"format_version": 2}, "reads up to 1"),
        ({"starts": [0, SIZE]}, "does not describe"),
        ({"starts": []}, "not the header"),
        ({"config": {"ordre": 3}}, "not the header"),
        ({"files": {}}, "not the header"),
    ):
        (tmp_path / HEADER).write_text(json.dumps(header | changed))
        with pytest.raises(Problem, match=said):
            NgramModel.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "place", "value"), [("first", 4, -5), ("ids", 40, SIZE), ("suffix", 50, 50)]
)
def test_arrays_that_would_lead_astray_are_refused(name: str, place: int, value: int, tmp_path: Path) -> None:
    """Checksums tell a damaged file; a forged one has right checksums."""
    from textladder.ngrams.model import write_header

    model = fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    array = np.fromfile(tmp_path / name, "<i4")
    array[place] = value
    array.tofile(tmp_path / name)
    write_header(tmp_path, model.vocabulary, model.about)
    with pytest.raises(Problem, match="do not form a tree"):
        NgramModel.load(tmp_path)


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(Problem, match=r"other things than a model \(thesis.tex\)"):
        fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    model = fitted(TEXTS, SIZE, tmp_path / "model", NgramConfig())
    with pytest.raises(Problem, match="other things"):
        model.save(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_vocabulary_and_ids_that_do_not_fit(tmp_path: Path) -> None:
    for wrong in (["a", "b"], [*vocabulary(6), "w4"]):
        with pytest.raises(Problem, match="does not begin with"):
            NgramModel.fit(chunks([[4]]), wrong, NgramConfig(order=1), tmp_path)
    model = fitted(TEXTS, SIZE, tmp_path, NgramConfig())
    for wrong_ids in ([SIZE], [-1]):
        with pytest.raises(Problem, match="outside the model's vocabulary"):
            model.log_probs(Ragged.of([wrong_ids]))
        with pytest.raises(Problem, match="outside the model's vocabulary"):
            model.next(wrong_ids)


def test_states_remember_no_more_than_the_order(tmp_path: Path) -> None:
    model = fitted(TEXTS, SIZE, tmp_path, NgramConfig(order=3))
    long, short = model.start(), model.start(inside=True)
    for unit in TEXTS[3]:
        long = model.step(long, unit)
    for unit in TEXTS[3][-2:]:
        short = model.step(short, unit)
    np.testing.assert_array_equal(model.next(long), model.next(short))
    alone = fitted(TEXTS, SIZE, tmp_path / "one", NgramConfig(order=1))
    assert alone.step(alone.start(), 5) == alone.start() == alone.start(inside=True)


def test_perplexity_counts_ends_and_unknown_units(tmp_path: Path) -> None:
    model = fitted([*TEXTS, [4, 1, 5]], SIZE, tmp_path, NgramConfig(order=2))
    texts = [[4, 1], [], [5, 6, 1, 1], [7]]
    found = perplexity(model, [Ragged.of(texts).slice(0, 3), Ragged.of(texts).slice(3, 4)])
    scores = model.log_probs(Ragged.of(texts))
    assert (found.units, found.ends, found.unknown) == (7, 4, 3)
    assert found.value == pytest.approx(math.exp(-scores.flat.mean()))
    unknown = scores[0][1] + scores[2][2] + scores[2][3]
    assert found.known_only == pytest.approx(math.exp(-(scores.flat.sum() - unknown) / 8))
    assert found.signature == (
        "perplexity|order:2|context:the whole text|ends:predicted, 4|units:7|unknown:predicted as <unk>, 3"
    )
    with pytest.raises(Problem, match="none to score"):
        perplexity(model, [])


@pytest.mark.parametrize(("units", "order"), [("character", 5), ("bpe", 3), ("byte", 4)])
def test_units_of_any_tokenizer(units: str, order: int, tmp_path: Path) -> None:
    ids, pieces = tokenised("tiny_shakespeare/input.txt", units, 3000)
    model = NgramModel.fit([ids.slice(0, 2500)], pieces, NgramConfig(order=order), tmp_path)
    assert np.exp(model.next(ids[0])).sum() == pytest.approx(1, abs=1e-5)
    plain = NgramModel.fit([ids.slice(0, 2500)], pieces, NgramConfig(order=1), tmp_path / "one")
    rest = ids.slice(2500, 3000)
    assert perplexity(model, [rest]).value < 0.5 * perplexity(plain, [rest]).value
