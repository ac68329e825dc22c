"""Word vectors for use: learn, ask, save, load. Names follow gensim's `KeyedVectors` where they mean the
same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem, suggest
from textladder.text.reading import DataConfig
from textladder.vectors import formats
from textladder.vectors.config import VectorsConfig
from textladder.vectors.formats.table import Asked, Table
from textladder.vectors.neighbours import Neighbours, best, unit
from textladder.vectors.progress import Report
from textladder.vectors.sources import Sources
from textladder.vectors.spelling import nearest_spellings

Vector = NDArray[np.float32]
Key = str | Vector
Weighted = Key | tuple[Key, float]
Found = list[tuple[str, float]]


class UnknownWord(Problem, KeyError):  # noqa: N818 (a Problem by its name)
    """A word without a vector; also a KeyError, as a dict has it."""

    __str__ = Problem.__str__


class WordVectors:
    """Words and their vectors.

        v = WordVectors("skipgram", dim=100).fit("corpus.txt.gz")
        v = WordVectors.load("glove.6B.100d.txt")
        v.most_similar("king", n=10); v.analogy("man", "king", "woman"); v["king"]

    method: "skipgram", "cbow", "fasttext", "glove", or a VectorsConfig; settings: those of VectorsConfig.
    After `fit` or `load`: words (most frequent first), matrix [V, D] float32, counts [V] or None, subwords
    (fastText's n-grams) or None, notes (what was left out). A word that is not in the vocabulary has a vector
    if there are subwords; otherwise asking for it raises UnknownWord, which offers the nearest spellings.
    """

    def __init__(self, method: str | VectorsConfig = "skipgram", **settings: Any) -> None:
        known = {field.name for field in fields(VectorsConfig)}
        for name in settings.keys() - known:
            raise Problem(f"WordVectors({name}=...)", "there is no such setting.", suggest(name, known))
        given: Any = {"method": method, **settings}
        self.config = method if isinstance(method, VectorsConfig) else VectorsConfig(**given)
        self.table = Table([], np.zeros((0, self.config.dim), np.float32))

    @classmethod
    def of(cls, table: Table) -> WordVectors:
        """Vectors that exist already."""
        known = {field.name for field in fields(VectorsConfig)}
        settings = {name: value for name, value in table.config.items() if name in known}
        vectors = cls(**{**settings, "dim": table.dim})
        vectors._replace(table)
        return vectors

    # Learning.

    def fit(
        self,
        source: Sources,
        *,
        update: bool = False,
        report: Report | None = None,
        folder: Path | str | None = None,
        data: DataConfig | None = None,
    ) -> WordVectors:
        """Learn from texts: the path of a file, several (as pathlib's Path), or an iterable of texts (str).
        Returns itself.

        update: go on from the vectors that are there; words new to them are added, all others are kept.
        report: called with each `Progress`. folder: for working files, which are gone afterwards (default:
        the system's place for them). data: DataConfig, which columns of a table are text. Raises Problem for
        what `corpus.build` refuses and when the numbers diverge.
        """
        from textladder.vectors.fitting import learn

        self._replace(
            learn(
                source, self.config, self.table if update else None, report=report, folder=folder, data=data
            )
        )
        return self

    # Asking.

    @property
    def words(self) -> list[str]:
        return self.table.words

    @property
    def matrix(self) -> Vector:
        return self.table.matrix

    @property
    def counts(self) -> NDArray[np.int64] | None:
        return self.table.counts

    @property
    def subwords(self) -> Any:
        return self.table.subwords

    @property
    def notes(self) -> tuple[str, ...]:
        return self.table.notes

    index_to_key = words
    vectors = matrix

    @property
    def vector_size(self) -> int:
        return self.table.dim

    @cached_property
    def key_to_index(self) -> dict[str, int]:
        return dict(zip(self.words, range(len(self.words)), strict=True))

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.matrix)

    @property
    def norms(self) -> NDArray[np.float32]:
        """[V] length of each vector."""
        return self.neighbours.lengths

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        """Whether the word is in the vocabulary (it may have a composed vector if not)."""
        return word in self.key_to_index

    def __getitem__(self, words: str | Sequence[str]) -> Vector:
        """The vector [D] of a word, or the vectors [n, D] of several."""
        if isinstance(words, str):
            return self.get_vector(words)
        return np.stack([self.get_vector(word) for word in words])

    def __repr__(self) -> str:
        return f"WordVectors({self.config.method!r}, {len(self):,} words of {self.vector_size} numbers)"

    def get_vector(self, word: str, norm: bool = False) -> Vector:
        """[D] the vector of a word, composed if it is not in the vocabulary and there are subwords; norm: of
        length 1. A view that is not to be written to."""
        row = self.key_to_index.get(word)
        vector = self.composed(word) if row is None else self.matrix[row]
        if vector is None:
            near = nearest_spellings(word, self.words)
            offered = f"Nearest spellings: {', '.join(near)}." if near else "No word is spelt like it."
            if not self.words:
                offered = "Call fit or load first: there is no vector yet."
            raise UnknownWord(repr(word), "there is no vector of this word.", offered)
        return unit(vector) if norm else vector

    def composed(self, word: str) -> Vector | None:
        """[D] the mean of the rows of the word's n-grams; None without subwords or without an n-gram."""
        if self.subwords is None:
            return None
        vectors, counts = self.subwords.compose([word])
        return vectors[0] if counts[0] else None

    def get_index(self, word: str) -> int:
        """The place of a word in `words`."""
        if word not in self.key_to_index:
            near = nearest_spellings(word, self.words)
            raise UnknownWord(repr(word), "it is not in the vocabulary.", suggest(word, near))
        return self.key_to_index[word]

    def get_normed_vectors(self) -> Vector:
        """[V, D] all vectors, brought to length 1."""
        normed: Vector = np.array(self.matrix)
        normed /= np.maximum(self.norms, np.finfo(np.float32).tiny)[:, None]
        return normed

    def get_mean_vector(
        self, keys: Sequence[Key], weights: Sequence[float] | None = None, pre_normalize: bool = True
    ) -> Vector:
        """[D] weighted mean of words' vectors (of length 1 before, if pre_normalize) and of vectors."""
        if not len(keys):
            raise Problem("get_mean_vector", "no word is given.", "Give at least one.")
        weights = [1.0] * len(keys) if weights is None else weights
        mean = np.zeros(self.vector_size, np.float32)
        for key, weight in zip(keys, weights, strict=True):
            vector = self._vector(key)
            mean += np.float32(weight) * (unit(vector) if pre_normalize else vector)
        mean /= np.float32(sum(map(abs, weights)))
        return mean

    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] = (),
        negative: Weighted | Sequence[Weighted] = (),
        topn: int = 10,
        *,
        n: int | None = None,
        restrict_vocab: int | None = None,
    ) -> Found:
        """The n (or topn) words nearest by cosine to the sum of the positive words, of length 1 each, less
        the negative ones: 3CosAdd. Words, vectors, or (word, weight) pairs; the words given are never found.
        restrict_vocab: among the first so many words only."""
        plus, minus = _listed(positive), _listed(negative)
        keys = [key for key, _ in plus + minus]
        weights = [w for _, w in plus] + [-w for _, w in minus]
        return self.similar_by_vector(self.get_mean_vector(keys, weights), topn, n, restrict_vocab, keys)

    def similar_by_word(self, word: str, topn: int = 10, restrict_vocab: int | None = None) -> Found:
        return self.most_similar(word, topn=topn, restrict_vocab=restrict_vocab)

    similar_by_key = similar_by_word

    def similar_by_vector(
        self,
        vector: Vector,
        topn: int = 10,
        n: int | None = None,
        restrict_vocab: int | None = None,
        leave_out: Iterable[Key] = (),
    ) -> Found:
        """The n (or topn) words nearest by cosine to a vector [D]."""
        vector = self._vector(vector)
        found = self.neighbours.nearest(
            vector, topn if n is None else n, self._places(leave_out), restrict_vocab
        )
        return self._named(*found)

    def most_similar_cosmul(
        self,
        positive: Key | Sequence[Key] = (),
        negative: Key | Sequence[Key] = (),
        topn: int = 10,
        *,
        n: int | None = None,
        restrict_vocab: int | None = None,
    ) -> Found:
        """3CosMul (Levy and Goldberg 2014, equation 4): the product of (cos + 1) / 2 with the positive words
        over the product with the negative ones (plus a millionth, as gensim has it)."""
        plus, minus = [[key for key, _ in _listed(keys)] for keys in (positive, negative)]
        if not plus + minus:
            raise Problem("most_similar_cosmul", "no word is given.", "Give at least one.")
        scores = np.ones(len(self) if restrict_vocab is None else min(restrict_vocab, len(self)), np.float32)
        for key in plus:
            scores *= (1 + self.neighbours.cosines(self._vector(key), restrict_vocab)) / 2
        if minus:
            below = np.ones_like(scores)
            for key in minus:
                below *= (1 + self.neighbours.cosines(self._vector(key), restrict_vocab)) / 2
            scores /= below + np.float32(1e-6)
        return self._named(*best(scores, topn if n is None else n, self._places(plus + minus)))

    def analogy(self, a: str, b: str, c: str, n: int = 10) -> Found:
        """a is to b as c is to which word? The nearest to b - a + c, by 3CosAdd."""
        return self.most_similar([b, c], [a], n=n)

    def similarity(self, a: str, b: str) -> float:
        """Cosine of two words."""
        return float(unit(self.get_vector(a)) @ unit(self.get_vector(b)))

    def distance(self, a: str, b: str) -> float:
        """1 - cosine of two words."""
        return 1 - self.similarity(a, b)

    def distances(self, word: Key, others: Sequence[str] = ()) -> NDArray[np.float32]:
        """1 - cosine of a word or vector with each of the others, or with all words."""
        if not len(others):
            return 1 - self.neighbours.cosines(self._vector(word))
        vector = unit(self._vector(word))
        return np.array([1 - unit(self.get_vector(other)) @ vector for other in others], np.float32)

    def n_similarity(self, first: Sequence[str], second: Sequence[str]) -> float:
        """Cosine of the means of two sets of words."""
        a, b = (self.get_mean_vector(keys, pre_normalize=False) for keys in (first, second))
        return float(unit(a) @ unit(b))

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word that is furthest from the mean of all of them."""
        vectors = np.stack([unit(self.get_vector(word)) for word in words])
        return words[int(np.argmin(vectors @ unit(vectors.mean(0))))]

    def closer_than(self, a: str, b: str) -> list[str]:
        """The words nearer to a than b is."""
        cosines, place = self.neighbours.cosines(self.get_vector(a)), self.get_index(b)
        cosines[self._places([a])] = -np.inf
        return [self.words[row] for row in np.flatnonzero(cosines > cosines[place]).tolist()]

    def rank(self, a: str, b: str) -> int:
        """Which nearest word of a the word b is, from 1."""
        return len(self.closer_than(a, b)) + 1

    def approximate(self, breadth: int = 256) -> WordVectors:
        """Let `most_similar` search a graph from now on (see ApproximateNeighbours): for millions of words.
        Returns itself. Raises Problem, which names the extra, if usearch is not installed."""
        from textladder.vectors.approximate import ApproximateNeighbours

        self.__dict__["neighbours"] = ApproximateNeighbours(self.matrix, breadth, self.config.threads)
        return self

    # Files.

    def save(self, path: Path | str, form: str = "safetensors") -> None:
        """Write a folder of ours, or a file in another format (`formats.FORMATS`), in one step."""
        if not self.words:
            raise Problem(str(path), "there are no word vectors to save.", "Call fit or load first.")
        formats.write(self.table, path, form)

    @classmethod
    def load(
        cls, path: Path | str, limit: int | None = None, *, skip_broken_words: bool = False
    ) -> WordVectors:
        """Read vectors of any format, told from the content: our folder (mapped into memory, not read),
        word2vec text and binary, GloVe text, fastText .vec and .bin; all but the folder also as .gz and .zst.

        limit: the first so many words. skip_broken_words: leave out words that come again, have blanks in
        them or are not UTF-8, counted in `notes`; otherwise Problem, as for other defects, by line or byte.
        """
        return cls.of(formats.read(path, Asked(limit, skip_broken_words=skip_broken_words)))

    def __deepcopy__(self, memo: dict[int, Any]) -> WordVectors:
        """Another that shares the table: a table is never changed, only replaced."""
        twin = WordVectors(self.config)
        twin.table = self.table
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "table": self.table}

    # Inside.

    def _replace(self, table: Table) -> None:
        self.table = table
        for name in ("key_to_index", "neighbours"):
            self.__dict__.pop(name, None)

    def _vector(self, key: Key) -> Vector:
        if isinstance(key, str):
            return self.get_vector(key)
        vector = np.asarray(key, np.float32)
        if vector.shape != (self.vector_size,):
            what = f"a vector of the shape {vector.shape} is given, not ({self.vector_size},)."
            raise Problem("vector", what, "Give words, or vectors of that width.")
        return vector

    def _places(self, keys: Iterable[Key]) -> NDArray[np.int64]:
        index = self.key_to_index
        return np.array([index[key] for key in keys if isinstance(key, str) and key in index], np.int64)

    def _named(self, places: NDArray[np.int64], scores: NDArray[np.float32]) -> Found:
        return [
            (self.words[place], score) for place, score in zip(places.tolist(), scores.tolist(), strict=True)
        ]


def _listed(keys: Weighted | Sequence[Weighted]) -> list[tuple[Key, float]]:
    """One key or several, with weights or without, as pairs."""
    if isinstance(keys, (str, np.ndarray)) and (isinstance(keys, str) or keys.ndim == 1):
        return [(keys, 1.0)]
    if isinstance(keys, tuple) and len(keys) == 2 and isinstance(keys[1], (int, float)):
        return [(keys[0], float(keys[1]))]
    return [(key[0], float(key[1])) if isinstance(key, tuple) else (key, 1.0) for key in keys]
