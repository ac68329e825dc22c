"""N-grams of characters as fastText's program has them. What it said is recorded here; where the program is
installed, it is asked again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from textladder.vectors import formats
from textladder.vectors.subwords import Subwords, ngram_ids

# A model that fastText 0.9.2 reads: three words, two columns, seven buckets, n-grams of 2 and 3 characters.
MODEL = bytes.fromhex(
    "ba164f2f0c00000002000000050000000300000002000000050000000100000002000000020000000700000002000000"
    "03000000640000002d431cebe2361a3f0300000003000000000000000f00000000000000ffffffffffffffff74686500"
    "0900000000000000006e61c3af766500040000000000000000e697a5e69cac00020000000000000000000a0000000000"
    "000002000000000000000000803f000000400000003f000080bf000040400000803e000000000000803e0000003f0000"
    "403f0000803f0000a03f0000c03f0000e03f000000400000104000002040000030400000404000005040000300000000"
    "0000000200000000000000cdcccc3dcdcc4c3e9a99993ecdcccc3e0000003f9a99193f"
)
# model.get_word_vector of that program, for words in the model and words that are not.
VECTORS = {
    "the": [1.375, 1.71875],
    "naïve": [1.75, 1.8541667461395264],
    "日本": [1.8333333730697632, 1.5833333730697632],
    "thé": [1.3571429252624512, 1.6071429252624512],
    "ab": [1.3000000715255737, 1.5500000715255737],
    "x": [0.8333333730697632, 1.0833333730697632],
}
# model.get_subwords of that program less the number of its words: 3 to 6 characters, 2,000 buckets.
# fmt: off
BUCKETS = {
    "unseenñ": [1772, 1309, 840, 487, 27, 1626, 1485, 1145, 281, 484, 286, 1522, 944, 1754, 718, 816, 1795,
                1875, 1239, 526, 16, 17],
    "日本語x": [587, 581, 231, 1147, 1559, 1021, 1161, 1685, 961, 389],
    "qq": [413, 617, 427],
}
# fmt: on


def plain_ngrams(word: str, low: int, high: int) -> list[str]:
    """The n-grams by their definition."""
    marked = f"<{word}>"
    grams = [
        marked[i : i + n] for i in range(len(marked)) for n in range(low, high + 1) if i + n <= len(marked)
    ]
    return grams[low == 1 : len(grams) - (low == 1)]  # neither the first "<" nor the last ">" alone


def plain_hash(gram: str) -> int:
    key = 2166136261
    for byte in gram.encode():
        key = ((key ^ (byte | (0xFFFFFF00 if byte > 127 else 0))) * 16777619) % 2**32
    return key


@pytest.mark.parametrize("word", BUCKETS)
def test_buckets_are_those_of_the_program(word: str) -> None:
    assert ngram_ids([word], (3, 6), 2000)[0].tolist() == BUCKETS[word]


@pytest.mark.parametrize("orders", [(1, 1), (1, 3), (3, 6), (0, 2), (4, 4)])
def test_ngrams_by_their_definition(orders: tuple[int, int]) -> None:
    words = ["where", "é", "日本語", "a<b>", "x" * 40, "\N{PILE OF POO}z", "", "</s>"]
    ids, offsets = ngram_ids(words, orders, 997)
    for k, word in enumerate(words):
        grams = plain_ngrams(word, max(orders[0], 1), orders[1]) if word != "</s>" else []
        assert ids[offsets[k] : offsets[k + 1]].tolist() == [plain_hash(g) % 997 for g in grams], word


def test_no_ngrams() -> None:
    for orders, buckets in (((0, 0), 10), ((3, 6), 0)):
        ids, offsets = ngram_ids(["word", "other"], orders, buckets)
        assert not len(ids)
        assert offsets.tolist() == [0, 0, 0]
    assert ngram_ids([], (3, 6), 10)[1].tolist() == [0]


def test_vectors_are_those_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(MODEL)
    table = formats.read(tmp_path / "m.bin")
    assert table.words == ["the", "naïve", "日本"]
    assert table.subwords is not None
    for word, expected in VECTORS.items():
        row = table.words.index(word) if word in table.words else None
        vector = table.subwords.compose([word])[0][0] if row is None else table.matrix[row]
        assert vector.tolist() == expected, word


def test_composing_nothing() -> None:
    subwords = Subwords(np.ones((5, 3), np.float32), (9, 9))
    vectors, counts = subwords.compose(["a", "longenough"])
    assert counts.tolist() == [0, 4]
    assert vectors[0].tolist() == [0, 0, 0]
    own = np.full((2, 3), 2, np.float32)
    assert subwords.compose(["a", "b"], own)[0].tolist() == [[2, 2, 2]] * 2
    assert own.tolist() == [[2, 2, 2]] * 2


def test_the_program_itself(tmp_path: Path) -> None:
    """Where fastText's program is installed: it reads what is written here, and says the same of any word."""
    fasttext = pytest.importorskip("fasttext")
    (tmp_path / "recorded.bin").write_bytes(MODEL)
    table = formats.read(tmp_path / "recorded.bin")
    assert table.subwords is not None
    formats.write(table, tmp_path / "m.bin", "fasttext")
    model = fasttext.load_model(str(tmp_path / "m.bin"))
    assert model.get_words() == table.words
    for word in ["unheard", "été", "日本語", "a", "the "]:
        np.testing.assert_array_equal(model.get_word_vector(word), table.subwords.compose([word])[0][0])
