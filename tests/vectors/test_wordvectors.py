"""WordVectors: what is asked against brute force (and gensim, where it is installed), learning on, files."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import textladder
from textladder import Problem, TextClassifier, WordVectors
from textladder.vectors.config import VectorsConfig
from textladder.vectors.formats.table import Table
from textladder.vectors.spelling import nearest_spellings
from textladder.vectors.subwords import Subwords
from textladder.vectors.wordvectors import UnknownWord

WORDS = [f"w{i}" for i in range(300)]
MATRIX = np.random.default_rng(0).normal(size=(300, 12)).astype(np.float32)
UNIT = MATRIX.astype(np.float64) / np.linalg.norm(MATRIX, axis=1, keepdims=True)


@pytest.fixture
def v() -> WordVectors:
    return WordVectors.of(Table(list(WORDS), MATRIX, np.arange(300, 0, -1)))


def expect(found: list[tuple[str, float]], scores: NDArray[np.float64], without: list[int]) -> None:
    """`found` are the words of the highest scores, without some."""
    scores = scores.copy()
    scores[without] = -np.inf
    order = np.argsort(-scores)[: len(found)]
    assert [word for word, _ in found] == [WORDS[i] for i in order]
    np.testing.assert_allclose([score for _, score in found], scores[order], rtol=1e-4, atol=1e-6)


def test_most_similar(v: WordVectors) -> None:
    expect(v.most_similar("w7"), UNIT @ UNIT[7], [7])
    assert len(v.most_similar("w7")) == 10
    assert v.most_similar("w7", n=3) == v.most_similar("w7", topn=3) == v.most_similar("w7")[:3]
    assert v.similar_by_word("w7", 3) == v.similar_by_key("w7", 3) == v.most_similar(["w7"], n=3)
    mean = UNIT[[1, 2]].sum(0) - UNIT[3]
    mean /= np.linalg.norm(mean)
    expect(v.most_similar(["w1", "w2"], ["w3"], 5), UNIT @ mean, [1, 2, 3])
    expect(v.most_similar(positive=["w1", "w2"], negative="w3"), UNIT @ mean, [1, 2, 3])
    assert v.analogy("w3", "w1", "w2") == v.most_similar(["w1", "w2"], ["w3"])
    weighted = 2 * UNIT[1] - 0.5 * UNIT[2]
    weighted /= np.linalg.norm(weighted)
    expect(v.most_similar([("w1", 2.0), ("w2", -0.5)]), UNIT @ weighted, [1, 2])
    expect(v.most_similar(MATRIX[7], n=2), UNIT @ UNIT[7], [])
    expect(v.similar_by_vector(MATRIX[7], 2), UNIT @ UNIT[7], [])
    few = v.most_similar("w7", n=5, restrict_vocab=20)
    expect(few, np.where(np.arange(300) < 20, UNIT @ UNIT[7], -2), [7])
    assert len(v.most_similar("w7", n=1000)) == 299


def test_cosmul(v: WordVectors) -> None:
    shifted = (1 + UNIT @ UNIT.T) / 2
    scores = shifted[1] * shifted[2] / (shifted[3] + 1e-6)
    expect(v.most_similar_cosmul(["w1", "w2"], ["w3"], 5), scores, [1, 2, 3])
    expect(v.most_similar_cosmul("w1", n=4), shifted[1], [1])
    assert len(v.most_similar_cosmul("w1", n=50, restrict_vocab=20)) == 19


def test_the_smaller_questions(v: WordVectors) -> None:
    assert v.similarity("w1", "w2") == pytest.approx(UNIT[1] @ UNIT[2], abs=1e-6)
    assert v.distance("w1", "w2") == pytest.approx(1 - UNIT[1] @ UNIT[2], abs=1e-6)
    np.testing.assert_allclose(v.distances("w1"), 1 - UNIT @ UNIT[1], atol=1e-6)
    np.testing.assert_allclose(v.distances("w1", ["w5", "w6"]), 1 - UNIT[[5, 6]] @ UNIT[1], atol=1e-6)
    order = [i for i in np.argsort(-(UNIT @ UNIT[1])).tolist() if i != 1]
    assert [v.rank("w1", f"w{i}") for i in order[:4]] == [1, 2, 3, 4]
    assert set(v.closer_than("w1", f"w{order[3]}")) == {f"w{i}" for i in order[:3]}
    a, b = MATRIX[[1, 2]].mean(0), MATRIX[[3]].mean(0)
    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert v.n_similarity(["w1", "w2"], ["w3"]) == pytest.approx(expected, abs=1e-6)
    table = Table(["cat", "dog", "car"], np.array([[1, 0.1], [1, 0.2], [-0.2, 1]], np.float32))
    assert WordVectors.of(table).doesnt_match(["cat", "car", "dog"]) == "car"


def test_as_a_mapping(v: WordVectors) -> None:
    assert len(v) == 300
    assert v.index_to_key == v.words == WORDS
    assert v.vectors is v.matrix
    assert v.vector_size == 12
    assert v.key_to_index["w9"] == v.get_index("w9") == 9
    assert "w9" in v
    assert "x" not in v
    assert 9 not in v
    np.testing.assert_array_equal(v["w9"], MATRIX[9])
    np.testing.assert_array_equal(v[["w9", "w1"]], MATRIX[[9, 1]])
    np.testing.assert_allclose(v.get_vector("w9", norm=True), UNIT[9], atol=1e-6)
    np.testing.assert_allclose(v.get_normed_vectors(), UNIT, atol=1e-6)
    np.testing.assert_allclose(v.norms, np.linalg.norm(MATRIX, axis=1), rtol=1e-6)
    assert "300 words of 12" in repr(v)
    assert textladder.WordVectors is WordVectors


def test_gensim_says_the_same(v: WordVectors) -> None:
    """Where gensim is installed."""
    keyed = pytest.importorskip("gensim.models").KeyedVectors(12)
    keyed.add_vectors(WORDS, MATRIX)
    for ask in (
        lambda x: x.most_similar("w7"),
        lambda x: x.most_similar(positive=["w1", ("w2", 0.5)], negative=["w3"], topn=20),
        lambda x: x.most_similar("w7", restrict_vocab=50),
        lambda x: x.most_similar_cosmul(positive=["w1", "w2"], negative=["w3"]),
        lambda x: x.similar_by_vector(MATRIX[3], topn=4),
        lambda x: [("", x.similarity("w1", "w2")), ("", x.distance("w1", "w9")), ("", x.rank("w1", "w8"))],
        lambda x: [("", x.n_similarity(["w1", "w2"], ["w3", "w4"])), (x.doesnt_match(WORDS[:9]), 0)],
        lambda x: [(word, 0) for word in x.closer_than("w1", "w100")],
        lambda x: [("", value) for value in x.distances("w4", ["w5", "w6"])],
    ):
        ours, theirs = ask(v), ask(keyed)
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], rtol=1e-4, atol=1e-6)


def test_unknown_words() -> None:
    words = ["kingdom", "king", "queen", "Berlin", "café"]
    v = WordVectors.of(Table(words, np.eye(5, dtype=np.float32)))
    for ask in (lambda: v["kngdom"], lambda: v.most_similar("kngdom"), lambda: v.rank("king", "kngdom")):
        with pytest.raises(UnknownWord, match="kingdom") as caught:
            ask()
        assert isinstance(caught.value, KeyError)
        assert isinstance(caught.value, Problem)
    with pytest.raises(KeyError, match="No word is spelt like it"):
        v["zzzzzzzzz"]
    with pytest.raises(Problem, match="Call fit or load first"):
        WordVectors()["king"]
    with pytest.raises(Problem, match="no word is given"):
        v.most_similar([])
    with pytest.raises(Problem, match="shape"):
        v.most_similar(np.ones(3, np.float32))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("kngdom", ["kingdom"]),
        ("ikng", ["king"]),  # two letters swapped
        ("berlin", ["Berlin"]),
        ("cafe", ["café"]),
        ("quen", ["queen"]),
        ("", []),
        ("\N{PILE OF POO}\N{PILE OF POO}", []),
    ],
)
def test_spellings(asked: str, expected: list[str]) -> None:
    assert nearest_spellings(asked, ["kingdom", "king", "queen", "Berlin", "café"]) == expected
    assert nearest_spellings(asked, []) == []


def test_words_are_composed_from_subwords() -> None:
    rng = np.random.default_rng(0)
    grams, own = Subwords(rng.normal(size=(50, 4)).astype(np.float32), (3, 4)), np.ones((2, 4), np.float32)
    v = WordVectors.of(Table(["king", "queen"], grams.compose(["king", "queen"], own)[0], subwords=grams))
    np.testing.assert_array_equal(v["kingly"], grams.compose(["kingly"])[0][0])
    assert "kingly" not in v
    assert v.config.char_orders == (3, 6)
    assert len(v.most_similar("kingly")) == 2
    lonely = WordVectors.of(Table(["king"], own[:1], subwords=Subwords(grams.rows, (9, 9))))
    with pytest.raises(UnknownWord):
        lonely["x"]  # too short for an n-gram


TEXT = ["the king and the queen rule the old land", "a dog and a cat sleep in the old house"] * 40


@pytest.mark.parametrize("method", ["skipgram", "cbow", "fasttext", "glove"])
def test_learn_and_learn_on(method: str, tmp_path: Path) -> None:
    v = WordVectors(method, dim=8, epochs=2, min_count=2, threads=1, buckets=100, seed=3).fit(TEXT)
    assert v.matrix.shape == (len(v), 8)
    assert v.words[0] == "the"
    assert v.counts is not None
    assert v.counts[0] == 160
    assert (v.subwords is not None) == (method == "fasttext")
    assert v.config.method == method
    v.save(tmp_path / "v")
    again = WordVectors.load(tmp_path / "v")
    np.testing.assert_array_equal(again.matrix, v.matrix)
    assert again.config == v.config
    before, words = v.matrix.copy(), list(v.words)
    for start in (v, again):  # from memory and from disk
        start.fit(["zebra and lion and zebra live in the land"] * 20, update=True)
        assert set(start.words) == {*words, "zebra", "lion", "live"}
        assert start.counts is not None
        assert start.counts[start.key_to_index["the"]] == 180
        assert start.counts[start.key_to_index["zebra"]] == 40
        assert (np.diff(start.counts) <= 0).all()
        moved = np.linalg.norm(start["the"] - before[0])
        assert moved > 0
        assert np.isfinite(start.matrix).all()
    np.testing.assert_array_equal(again.matrix, v.matrix)


def test_learning_on_keeps_what_was_learned() -> None:
    """A word that the new text does not have stays near its old neighbours."""
    v = WordVectors("skipgram", dim=12, epochs=20, min_count=2, threads=1, sample=0, seed=1).fit(TEXT)
    before = {word: v[word].copy() for word in ("queen", "cat")}
    v.fit(["zebra runs fast"] * 20, update=True)
    for word, vector in before.items():
        cosine = v[word] @ vector / np.linalg.norm(v[word]) / np.linalg.norm(vector)
        assert cosine > 0.9, word


def test_learning_on_from_a_file_without_an_output_layer(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("the 1 2 3\nking 3 2 1\n")
    v = WordVectors.load(tmp_path / "v.txt")
    v.fit(["the king and the queen"] * 10, update=True)
    assert v.words == [
        "the",
        "king",
        "and",
        "queen",
    ]  # old ones in their order, as their counts are not known
    assert any("output layer" in note for note in v.notes)
    v.config = VectorsConfig("fasttext", dim=3)
    with pytest.raises(Problem, match="have no subwords"):
        v.fit(["the king"], update=True)


def test_settings_and_saving_nothing(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="Did you mean"):
        WordVectors("skipgram", dims=3)
    with pytest.raises(Problem, match="skipgram"):
        WordVectors("skipgramm")
    with pytest.raises(Problem, match="no word vectors to save"):
        WordVectors().save(tmp_path / "v")
    assert WordVectors(VectorsConfig("cbow", dim=7)).config.dim == 7


def test_a_classifier_takes_vectors_a_file_or_a_folder(tmp_path: Path) -> None:
    texts, labels = ["good film", "bad film", "great plot", "awful plot"] * 20, ["p", "n", "p", "n"] * 20
    v = WordVectors("skipgram", dim=6, epochs=1, min_count=1, threads=1).fit(texts)
    v.save(tmp_path / "folder")
    v.save(tmp_path / "v.bin", "word2vec-binary")
    settings = {"encoder.embedding_dim": 6, "training.freeze_embedding": True, "training.epochs": 1}
    for vectors in (v, tmp_path / "folder", str(tmp_path / "v.bin")):
        model = TextClassifier("cnn", vectors=vectors, settings=settings).fit(texts, labels).model_
        row = model.tokenizer.vocabulary.index("film")
        np.testing.assert_array_equal(model.encoder.embedding.weight[row].numpy(), v["film"])  # type: ignore[union-attr]


def test_copies_share_the_table(v: WordVectors) -> None:
    v.most_similar("w1")
    twin = copy.deepcopy(v)
    assert twin.matrix is v.matrix
    assert twin.most_similar("w1") == v.most_similar("w1")
