"""The loss after the truth and after the model's own units, against a loop of single predictions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.program import refused, textladder
from tests.test_translating import small, words
from textladder import Translator, translating
from textladder.batch import Tokens
from textladder.errors import Problem
from textladder.exposure import exposure
from textladder.text.tokenizing import BEGIN, END


@pytest.fixture(scope="module")
def half() -> Translator:
    texts = words(200, 4)
    return small("rnn-attention", training__epochs=2).fit(texts, [text[::-1] for text in texts])


@torch.no_grad()
def nats_after(made: Translator, source: str, before: list[int], unit: int) -> float:
    """One prediction, all computed anew."""
    model, task = made.model_.eval(), translating.task_of(made.model_)
    read = Tokens.of(model.rows([source]).columns["text"])
    said = task.said(model.encoder(read), read, Tokens.of_rows([[BEGIN, *before]]))
    return float(-task.log_probs(said)[-1, unit])


def test_both_losses_equal_a_loop(half: Translator) -> None:
    pairs = [("abc", "cba"), ("dd", "ddab"), ("a", ""), ("bcd", "d"), ("abcd", "aaaa")]
    found, tokenizer = exposure(half.model_, pairs), half.model_.tokenizer
    sums: dict[int, list[tuple[float, float]]] = {}
    for source, target in pairs:
        wanted = [*tokenizer.encode_one(target).tolist(), END]
        own = tokenizer.encode_one(half.translate(source, beam=1)[0].text).tolist()
        for place in range(min(len(wanted), len(own) + 1)):
            both = [nats_after(half, source, before[:place], wanted[place]) for before in (wanted, own)]
            sums.setdefault(place, []).append((both[0], both[1]))
    assert found.texts.tolist() == [len(sums[place]) for place in sorted(sums)]
    for place, rows in sums.items():
        truth, own_loss = (sum(column) / len(rows) for column in zip(*rows, strict=True))
        assert found.truth[place] == pytest.approx(truth, abs=1e-4)
        assert found.own[place] == pytest.approx(own_loss, abs=1e-4)
    assert found.truth[0] == pytest.approx(found.own[0]), "nothing is written before the first unit"
    every = [row for rows in sums.values() for row in rows]
    assert found.total == pytest.approx([sum(column) / len(every) for column in zip(*every, strict=True)])
    with pytest.raises(Problem, match="no pairs"):
        exposure(half.model_, [])


def test_its_own_texts_are_the_truth(half: Translator) -> None:
    texts = words(10, 4, seed=4)
    found = exposure(half.model_, [(text, half.translate(text, beam=1)[0].text) for text in texts])
    assert found.truth == pytest.approx(found.own, abs=1e-5)


def test_the_page_and_its_numbers(half: Translator, tmp_path: Path) -> None:
    half.save(tmp_path / "model")
    for name, lines in (("x", words(30, 4, seed=5)), ("y", words(30, 4, seed=6))):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["inspect", tmp_path / "model", "--out", tmp_path / "curve.html"]
    ended = textladder(*command, "--curve", tmp_path / "x", tmp_path / "y")
    assert ended.code == 0, ended.err
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    assert int(rows[0][1]) == 30
    assert float(rows[0][2]) == float(rows[0][3])
    page = (tmp_path / "curve.html").read_text(encoding="utf-8")
    assert page.count("<polyline") == 2
    assert f"<td>{rows[1][3]}</td>" in page
    assert "30 pairs" in page
    refused(textladder(*command), "--text, --curve", "one of them")
    refused(textladder(*command, "--curve", tmp_path / "x", tmp_path / "none"), "none")
    command[-1] = tmp_path / "curve.png"
    refused(textladder(*command, "--curve", tmp_path / "x", tmp_path / "y"), "--out", "drawn on a page")
