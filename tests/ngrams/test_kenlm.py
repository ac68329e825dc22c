"""Against KenLM: models that its lmplz (0.3.0) made of the same texts, recorded.

    lmplz -o 3 --discount_fallback            lmplz -o 4 --prune 0 0 1 --discount_fallback

The texts are `drawn(200, 30)`, a text on each line, unit 7 written w7. Models of real text would be large:
there, what KenLM's query says of each word of the text that follows is recorded.

    head -197 frankenstein.txt > train    tail -27 frankenstein.txt > rest    (a paragraph on each line)
    lmplz -o 3 < train > model.arpa       query -v word model.arpa < rest     and the same with -o 5

KenLM itself reads what we write where its Python package can be imported (it is built from source, so it is
in no list of ours: `pip install kenlm`). On a whole corpus the two are compared by `python -m
benchmarks.ngrams`.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from tests.ngrams.helpers import chunks, drawn
from textladder.batch import Ragged
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.evaluating import perplexity
from textladder.ngrams.model import NgramModel
from textladder.text.tokenizing import UNKNOWN, Tokenizer, TokenizerConfig

RECORDED = Path(__file__).parent / "recorded"


@pytest.mark.parametrize(("name", "order", "prune"), [("order3", 3, (0,)), ("pruned4", 4, (0, 0, 1))])
def test_agrees_with_lmplz(name: str, order: int, prune: tuple[int, ...], tmp_path: Path) -> None:
    theirs = NgramModel.from_arpa(RECORDED / f"lmplz-{name}.arpa.gz", tmp_path / "theirs")
    texts = [[theirs.unit_ids[f"w{unit}"] for unit in text] for text in drawn(200, 30)]
    config = NgramConfig(order=order, prune=prune)
    ours = NgramModel.fit(chunks(texts), theirs.vocabulary, config, tmp_path / "ours")
    for first, second in zip(ours.arrays[:4], theirs.arrays[:4], strict=True):  # the same n-grams
        np.testing.assert_array_equal(first, second)
    for first, second in zip(ours.arrays[4:6], theirs.arrays[4:6], strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)
    known = set(theirs.vocabulary)
    fresh = [
        [theirs.unit_ids[f"w{unit}"] if f"w{unit}" in known else 1 for unit in text]
        for text in drawn(100, 30, seed=4)
    ]
    values = [perplexity(model, [Ragged.of(fresh)]).value for model in (ours, theirs)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


@pytest.mark.parametrize(("order", "column"), [(3, 0), (5, 1)])
def test_agrees_with_lmplz_on_real_text(order: int, column: int, tmp_path: Path) -> None:
    """The probability of every word, unknown ones and ends of paragraphs included, also after writing the
    model to an ARPA file and reading that."""
    lines = gzip.decompress((RECORDED / "frankenstein.txt.gz").read_bytes()).decode().splitlines()
    train, rest = lines[:197], lines[197:]
    config = TokenizerConfig(units="whitespace", min_count=1, lowercase=False, unicode="none", html=False)
    tokenizer = Tokenizer.fit([train], config)
    ids, fresh = tokenizer.encode(train), tokenizer.encode(rest)
    assert (fresh.flat == UNKNOWN).sum() > 100
    recorded = np.loadtxt(RECORDED / "lmplz-frankenstein.txt.gz", usecols=column)  # base 10
    words = tokenizer.vocabulary
    ours = NgramModel.fit([ids], words, NgramConfig(order=order), tmp_path / "ours")
    ours.arpa(tmp_path / "ours.arpa")
    again = NgramModel.from_arpa(tmp_path / "ours.arpa", tmp_path / "again")
    assert again.vocabulary == words
    for model in (ours, again):
        np.testing.assert_allclose(model.log_probs(fresh).flat / math.log(10), recorded, atol=1e-5)


@pytest.mark.parametrize("order", [2, 3, 5])  # KenLM reads no unigrams
def test_kenlm_reads_ours_and_agrees(order: int, tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    lines = gzip.decompress((RECORDED / "frankenstein.txt.gz").read_bytes()).decode().splitlines()
    train, rest = lines[:197], lines[197:]
    config = TokenizerConfig(units="whitespace", min_count=1, lowercase=False, unicode="none", html=False)
    tokenizer = Tokenizer.fit([train], config)
    model = NgramModel.fit(
        [tokenizer.encode(train)], tokenizer.vocabulary, NgramConfig(order=order), tmp_path / "m"
    )
    model.arpa(tmp_path / "ours.arpa")
    fresh = tokenizer.encode(rest)
    said = [word for line in rest for word in kenlm.Model(str(tmp_path / "ours.arpa")).full_scores(line)]
    assert sum(unknown for _, _, unknown in said) == (fresh.flat == UNKNOWN).sum() > 100
    theirs = [nats for nats, _, _ in said]  # base 10
    np.testing.assert_allclose(model.log_probs(fresh).flat / math.log(10), theirs, atol=1e-5)
