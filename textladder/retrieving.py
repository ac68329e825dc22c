"""Texts found by what they mean: the vectors of a corpus, kept in a folder or made for once, and the texts
that are nearest to a query.

    index.json  vectors.npy  cells.safetensors (once searched approximately)  texts/
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from textladder import __version__
from textladder.errors import Problem
from textladder.evaluating import texts_of
from textladder.files import damaged, fresh_folder, sha256, verify_folder, write_header, writing
from textladder.loading import load_model
from textladder.model import Model, find_model
from textladder.ragged import Ragged
from textladder.tasks.embed import Embed
from textladder.text.overlong import CutReport
from textladder.text.reading import DataConfig, open_source
from textladder.text.store import Store, StoreWriter
from textladder.text.tokenizing import UNKNOWN
from textladder.vectors.approximate import recall
from textladder.vectors.cells import CellNeighbours, Cells
from textladder.vectors.neighbours import Neighbours

FORMAT_VERSION = 1
VECTORS, CELLS, TEXTS, HEADER = "vectors.npy", "cells.safetensors", "texts", "index.json"
CHUNK = 4096  # texts of a corpus that are encoded together
ASKED, NEAREST = 100, 10  # texts of the corpus, and their nearest, by which recall is measured
Report = Callable[[str], None]


class Match(NamedTuple):
    """A text that was found. rank: from 1; score: the cosine of its vector and the query's; line: where it
    stands in the corpus, from 1."""

    rank: int
    score: float
    line: int
    text: str


def encoder(folder: Path | str, device: str = "cpu") -> Model:
    """The model in a folder; Problem for one that makes no vectors of texts."""
    model = load_model(folder, device)
    if not isinstance(model, Model) or not isinstance(model.task, Embed):
        raise Problem(
            str(folder),
            f"this model was trained for the task {model.recipe.task_name}: it makes no vectors of texts.",
            "Train one with textladder train pairs.csv --task embed.",
        )
    return model


def dim_of(model: Model) -> int:
    """The width of its vectors."""
    assert isinstance(model.task, Embed), "an encoder of texts"
    return model.task.dim


def vectors_of(model: Model, texts: Any, cuts: list[CutReport] | None = None) -> NDArray[np.float32]:
    """[n, D] of texts (strings, or UTF-8), of length 1. cuts: gets what was done to over-long texts."""
    rows = model.rows(texts)
    if cuts is not None:
        cuts.append(rows.cut)
    found: NDArray[np.float32] = model.predict_columns(Store.of(rows.columns))
    return found


class Index:
    """Texts (a store with the columns "text" and "line") that are found by their vectors."""

    def __init__(self, texts: Store, neighbours: Neighbours) -> None:
        self.texts, self.neighbours, self._asked = texts, neighbours, False

    @classmethod
    def of(cls, model: Model, texts: Sequence[str]) -> Index:
        """Of texts in memory."""
        numbers = np.arange(len(texts) + 1)
        store = Store.of({"text": Ragged.of_strings(texts), "line": Ragged(numbers[1:], numbers)})
        return cls(store, Neighbours(vectors_of(model, texts), unit=True))

    def __len__(self) -> int:
        return len(self.texts)

    def search(self, queries: NDArray[np.float32], top: int) -> list[list[Match]]:
        """The `top` nearest texts to each query [q, D], nearest first, of equals the one that comes first."""
        return [self._matches(*found) for found in self._nearest(queries, top)]

    def _nearest(
        self, queries: NDArray[np.float32], top: int
    ) -> Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        # For one question alone, what makes the next ones fast would take longer than the question.
        again, self._asked = self._asked, True
        if isinstance(self.neighbours, CellNeighbours) or (again and len(queries) == 1):
            return (self.neighbours.nearest(query, top) for query in queries)
        return zip(*self.neighbours.nearest_many(queries, top), strict=True)

    def _matches(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> list[Match]:
        taken = self.texts.take(rows)
        lines = np.asarray(taken["line"].flat).tolist()
        return [
            Match(rank, round(float(score), 6), line, taken["text"].string(rank - 1))
            for rank, (score, line) in enumerate(zip(scores.tolist(), lines, strict=True), 1)
        ]


@dataclass(frozen=True)
class CorpusFile:
    """A file of texts, and how it is read."""

    path: Path
    config: DataConfig

    @property
    def key(self) -> dict[str, Any]:
        """What tells that vectors are of this file, wherever it lies: its content, and how it is read."""
        read = {
            name: value for name, value in vars(self.config).items() if value != getattr(DataConfig(), name)
        }
        return {"sha256": sha256(self.path), "data": read}


def corpus_of(model: Model, file: str, settings: Sequence[str]) -> CorpusFile:
    """A file of texts. settings: "data.key=value"."""
    read = replace(model.recipe, data=DataConfig()).set(list(settings)).data
    open_source(file, read, need_label=False, labelled=False)  # a Problem, before anything is made
    return CorpusFile(Path(file), read)


@contextmanager
def opened(
    folder: Path,
    model: Model,
    corpus: CorpusFile,
    *,
    kept: Path | None = None,
    overwrite: bool = False,
    approximate: bool = False,
    report: Report = lambda said: None,
) -> Iterator[Index]:
    """The index of a corpus by a model, which lies in `folder`.

    kept: the folder of the index: it is made if it is not there. overwrite: it is made anew. Raises Problem
    for an index of another model or of another corpus, for a damaged one, and for a corpus without a text.
    """
    about = {"model": sha256(find_model(folder) / "model.json"), "corpus": corpus.key}
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        place = Path(work) / "index" if kept is None else kept
        if overwrite or not (place / HEADER).is_file():
            began = time.perf_counter()
            count, cut = _make(place, model, corpus, about, report)
            for note in cut.notes(model.recipe.tokenizer):
                report(note)
            again = "; --index FOLDER keeps them" if kept is None else ""
            report(f"{count:,} texts were encoded in {time.perf_counter() - began:.1f} s{again}.")
        texts, vectors = _checked(place, about, corpus.path.name)
        neighbours = _cells(place, vectors, report) if approximate else Neighbours(vectors, unit=True)
        yield Index(texts, neighbours)


def _make(
    folder: Path, model: Model, corpus: CorpusFile, about: dict[str, Any], report: Report
) -> tuple[int, CutReport]:
    """Encodes the texts of a corpus; how many these are, and what was done to over-long ones."""
    source = open_source(corpus.path, corpus.config, need_label=False, labelled=False)
    for note in source.notes:
        report(note)
    blank, cuts = 0, list[CutReport]()
    with fresh_folder(folder, {VECTORS, CELLS, TEXTS, HEADER}, "an index") as fresh:
        with StoreWriter(fresh / TEXTS) as writer:
            for rows in source.batches(CHUNK):
                full = [number for number, text in enumerate(rows.texts) if text.strip()]
                blank += len(rows.texts) - len(full)
                lines = np.array([rows.lines[number] for number in full], np.int64)
                kept = Ragged.of_strings(rows.texts[number] for number in full)
                writer.append({"text": kept, "line": Ragged(lines, np.arange(len(full) + 1))})
        texts = Store(fresh / TEXTS)
        if not len(texts):
            raise Problem(
                str(corpus.path), "it holds no text.", "Give a file with a text on each line or row."
            )
        if blank:
            report(f"{blank:,} empty texts are not searched.")
        shape = len(texts), dim_of(model)
        vectors = np.lib.format.open_memmap(fresh / VECTORS, mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, len(texts), CHUNK):
            stop = min(start + CHUNK, len(texts))
            vectors[start:stop] = vectors_of(model, texts.slice(start, stop)["text"], cuts)
        vectors.flush()
        count = len(texts)
        del vectors, texts
        write_header(fresh / HEADER, FORMAT_VERSION, __version__, [VECTORS], about)
    return count, sum(cuts, CutReport())


def _checked(folder: Path, about: dict[str, Any], name: str) -> tuple[Store, NDArray[np.float32]]:
    """The texts of an index that is of this model and this corpus, and their vectors, mapped into memory.
    name: the corpus's."""
    header = verify_folder(folder / HEADER, FORMAT_VERSION, __version__, [VECTORS], checksums=False)
    again = "Give another --index, or make it anew with --overwrite."
    if header.get("model") != about["model"]:
        raise Problem(str(folder), "this index was made by another model.", again)
    if header.get("corpus") != about["corpus"]:
        what = f"this index is of another corpus, or {name} has changed since."
        raise Problem(str(folder), what, again)
    try:
        vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        texts = Store(folder / TEXTS)
        if len(texts) != len(vectors) or {"text", "line"} - texts.columns.keys():
            raise ValueError("texts and vectors do not belong together")
    except (OSError, ValueError, KeyError) as error:
        raise damaged(folder, f"this is no whole index ({error})") from error
    return texts, np.asarray(vectors)


def _cells(folder: Path, vectors: NDArray[np.float32], report: Report) -> Neighbours:
    """An approximate search, whose cells are kept beside the vectors with the recall that was measured."""
    path, asked = folder / CELLS, min(ASKED, len(vectors))
    if path.is_file():
        try:
            with safe_open(path, "np") as file:
                cells = Cells(*(file.get_tensor(name) for name in ("centres", "order", "bounds")))
                measured = float(file.metadata()["recall"])
            if len(cells.order) != len(vectors) or cells.centres.shape[1] != vectors.shape[1]:
                raise ValueError("they are of other vectors")
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"these are no cells ({error})") from error
        search = CellNeighbours(vectors, cells)
    else:
        cells = Cells.of(vectors)
        search = CellNeighbours(vectors, cells)
        rows = np.random.default_rng(0).choice(len(vectors), asked, replace=False)
        measured = recall(search, Neighbours(vectors, unit=True), rows, NEAREST)
        fresh = path.with_name(path.name + ".new")
        with writing(path):
            save_file(vars(cells), fresh, metadata={"recall": repr(measured)})
            fresh.replace(path)
    looked = f"{search.probes:,} of {len(cells.centres):,} cells are looked into"
    found = f"recall@{NEAREST} is {measured:.3f}, measured on {asked:,} texts of the corpus"
    report(f"Approximate: {looked}; {found}.")
    return search


def queries_of(model: Model, file: str, settings: Sequence[str]) -> Iterator[list[str]]:
    """The queries of a file, or of stdin ("-"), a line each, some at a time. Raises Problem for an empty
    one."""
    number = 0
    for chunk in texts_of(model, file, list(settings)):
        for at, text in enumerate(chunk, number + 1):
            if not text.strip():
                what = "it is empty: nothing is near to it."
                raise Problem(f"query {at:,}", what, "Write a text on each line.")
        number += len(chunk)
        yield chunk


def unknown(model: Model, texts: Sequence[str]) -> list[int]:
    """The numbers of texts of which the model knows no unit."""
    ids = model.tokenizer.encode(texts)
    return [number for number in range(len(texts)) if (ids[number] == UNKNOWN).all()]


def write_vectors(
    model: Model, chunks: Iterable[Sequence[str]], path: Path, report: Report = lambda said: None
) -> int:
    """The vectors of texts as an array [n, D] in a file of numpy's; returns n. Memory stays flat. report: is
    told what was done to over-long texts."""
    shape, cut = (0, dim_of(model)), CutReport()
    fresh = path.with_name(path.name + ".new")
    with writing(path):
        with fresh.open("w+b") as file:
            _npy_header(file, shape)
            begin = file.tell()
            for texts in chunks:
                cuts: list[CutReport] = []
                file.write(np.ascontiguousarray(vectors_of(model, texts, cuts)).tobytes())
                cut = sum(cuts, cut)
                shape = shape[0] + len(texts), shape[1]
            file.seek(0)
            _npy_header(file, shape)
            assert file.tell() == begin, "numpy leaves room for the number of rows"
        fresh.replace(path)
    for note in cut.notes(model.recipe.tokenizer):
        report(note)
    return shape[0]


def _npy_header(file: Any, shape: tuple[int, int]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
