"""Units to numbers, the classic way: stop words, lemmas, rare words; one-hot, counts and TF-IDF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.stopwords import ENGLISH
from textladder.text.tokenizing import SPECIAL, UNKNOWN


def without_stop_words(units: Iterable[str], stop_words: Collection[str] = ENGLISH) -> list[str]:
    """The units that are words and not stop words (compared in lower case)."""
    return [unit for unit in units if is_word(unit) and unit.lower() not in stop_words]


def is_word(unit: str) -> bool:
    return any(char.isalnum() for char in unit)


def lemmas(units: Iterable[str], language: str = "en") -> list[str]:
    """The dictionary form of each unit: foxes -> fox, jumped -> jump. Needs the extra `lemma`.

    Raises Problem if simplemma is not installed, or has no such language.
    """
    try:
        import simplemma
    except ImportError:
        raise Problem(
            "lemmas", "the package simplemma is not installed.", 'Install it: pip install "textladder[lemma]"'
        ) from None
    try:
        return [simplemma.lemmatize(unit, lang=language) for unit in units]
    except ValueError:
        raise Problem(
            f"--language {language}",
            "there is no dictionary of this language.",
            "Give a code such as en, de or fr.",
        ) from None


def replace_rare(texts: Sequence[Sequence[str]], min_count: int) -> list[list[str]]:
    """The texts with each unit that occurs fewer than `min_count` times in all of them written as <unk>."""
    counts = Counter(unit for text in texts for unit in text)
    return [[unit if counts[unit] >= min_count else SPECIAL[UNKNOWN] for unit in text] for text in texts]


def one_hot(ids: NDArray[np.int64], vocabulary_size: int) -> NDArray[np.float32]:
    """A row per unit with a single 1, in the column of its id. ids [T] -> [T, V]"""
    rows = np.zeros((len(ids), vocabulary_size), np.float32)
    rows[np.arange(len(ids)), ids] = 1
    return rows


def counts(ids: Ragged, vocabulary_size: int) -> NDArray[np.float32]:
    """How often each unit is in each text. Ragged of B texts -> [B, V]"""
    rows = np.repeat(np.arange(len(ids)), ids.lengths)
    cells = rows * vocabulary_size + ids.flat
    filled = np.bincount(cells, minlength=len(ids) * vocabulary_size)
    return filled.reshape(len(ids), vocabulary_size).astype(np.float32)


def inverse_document_frequency(counted: NDArray[np.float32]) -> NDArray[np.float32]:
    """idf(u) = ln((1 + n) / (1 + texts with u)) + 1, smoothed as if one more text held every unit (as
    scikit-learn does; the idea: Spärck Jones 1972). [B, V] -> [V]"""
    texts_with = np.count_nonzero(counted, axis=0)
    return (np.log((1 + len(counted)) / (1 + texts_with)) + 1).astype(np.float32)


def tf_idf(counted: NDArray[np.float32], idf: NDArray[np.float32]) -> NDArray[np.float32]:
    """Counts times idf, each row brought to length 1 (an empty text stays zero). [B, V], [V] -> [B, V]"""
    weighted = counted * idf
    norms = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.divide(weighted, norms, out=np.zeros_like(weighted), where=norms > 0)
