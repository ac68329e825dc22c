"""A counted language model: made from ids, kept in a folder of raw arrays that are mapped, not read.

    ngrams.json  vocabulary.json  ids  first  suffix  log_probability  log_backoff

`ngrams.json` is written last; it holds the format version, what was counted and estimated, and a checksum per
file. Loading runs no code from the folder, and the arrays are checked before anything walks on them.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from os import cpu_count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder import __version__
from textladder.errors import Problem
from textladder.files import write_text, writing
from textladder.ngrams.arrays import attach, blocks, checksums, damaged, in_threads, release
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.scoring import (
    Arrays,
    advance,
    begin_text,
    distribution,
    log_totals,
    score_stream,
    score_texts,
    sound,
)
from textladder.ngrams.trie import ROOT
from textladder.ragged import Ragged
from textladder.text.tokenizing import SPECIAL

FORMAT_VERSION = 1
HEADER = "ngrams.json"
TYPES = {"ids": "<i4", "first": "<i4", "suffix": "<i4", "log_probability": "<f4", "log_backoff": "<f4"}
FILES = (*TYPES, "vocabulary.json")
STREAM_UNITS = 1 << 16  # of a stream, scored by one thread at a time


class State(NamedTuple):
    """What a model remembers of a text: see `scoring.py`."""

    node: int
    length: int


@dataclass(frozen=True)
class About:
    """What is known of a model beside its arrays; kept in the header."""

    config: NgramConfig
    starts: tuple[int, ...]  # where each level of the tree begins, and the number of n-grams at the end
    texts: int = 0  # that were counted; 0 for a model from an ARPA file
    units: int = 0  # of them, without <s> and </s>
    unknown: int = 0  # of these, <unk>
    facts: dict[str, Any] | None = None  # what was estimated: discounts, weights
    notes: tuple[str, ...] = ()  # what a reader of its figures must know
    unseen: float = 1.0
    straight: bool = False
    normalised: bool = True  # whether its scores are probabilities
    begins: int = 0  # units at the end of the vocabulary that begin texts in place of <s>


class NgramModel:
    """Made by `fit`, `from_arpa` or `load`; never changes."""

    def __init__(self, folder: Path, vocabulary: list[str], about: About) -> None:
        self.folder, self.vocabulary, self.about = folder, vocabulary, about
        starts = np.array(about.starts, np.int64)
        sizes = sizes_of(about.starts)
        self._mapped = {name: attach(folder / name, TYPES[name], sizes[name]) for name in TYPES}
        # Plain arrays over the mappings, which numba takes without a detour.
        arrays = {name: np.asarray(array) for name, array in self._mapped.items()}
        for array in arrays.values():  # one type for all models: compiled once
            array.flags.writeable = False
        given = len(vocabulary) - about.begins
        self._arrays = Arrays(
            starts=starts,
            **arrays,
            unseen=math.log(about.unseen),
            uniform=-math.log(max(given - 2, 1)),
            straight=about.straight,
            given=given,
        )

    @classmethod
    def fit(  # noqa: PLR0917
        cls,
        texts: Iterable[Ragged | NDArray[np.int32]],
        vocabulary: Sequence[str],
        config: NgramConfig,
        folder: Path | str,
        held_out: Iterable[Ragged | NDArray[np.int32]] | None = None,
        begins: int = 0,
    ) -> NgramModel:
        """Counts texts (chunks, read once) and estimates probabilities; the model is in `folder`, which must
        be new, empty or a model.

        A chunk is rows of ids, each a text of its own, between <s> and </s>, which are added here; or a
        stretch of a stream that has them, and whose texts go on in the next stretch. There a text may begin
        with one of the last `begins` units of the vocabulary in place of <s>: its label, on which it is
        conditioned and which is never predicted. `held_out` is read once, by interpolation alone. Raises
        Problem for a corpus too short for the order, ids outside the vocabulary, and a configuration that
        cannot be met.
        """
        from textladder.ngrams.building import build

        place, units = Path(folder), list(vocabulary)
        return cls(place, units, build(texts, units, config, place, held_out, begins))

    @classmethod
    def from_arpa(cls, path: Path | str, folder: Path | str) -> NgramModel:
        """A model from an ARPA file (also .gz, .zst), kept in `folder`. Raises Problem that names the line
        for a file that is broken."""
        from textladder.ngrams.arpa_reading import read

        return cls(Path(folder), *read(Path(path), Path(folder)))

    def arpa(self, path: Path | str) -> None:
        """Writes the model as an ARPA file, compressed if the name ends with .gz. Raises Problem for models
        that the format cannot say (stupid backoff, add-k above order 1)."""
        from textladder.ngrams.arpa_writing import write

        write(self, Path(path))

    @property
    def order(self) -> int:
        return len(self.about.starts) - 1

    @property
    def counts(self) -> list[int]:
        """N-grams of each order, from 1 on; <pad> is none."""
        units, *longer = np.diff(self.about.starts).tolist()
        return [units - 1, *longer]

    @property
    def arrays(self) -> Arrays:
        return self._arrays

    @cached_property
    def unit_ids(self) -> dict[str, int]:
        return {unit: number for number, unit in enumerate(self.vocabulary)}

    @cached_property
    def log_totals(self) -> NDArray[np.float64]:
        """What scores add up to after each context, see `scoring`; nothing if they are probabilities."""
        totals = np.zeros(0 if self.about.normalised else self.about.starts[-2] + 1)
        if len(totals):
            log_totals(self._arrays, totals)
        return totals

    def log_probs(self, texts: Ragged) -> Ragged:
        """Natural logarithm of the probability of every unit, and of the end of its text after the last: rows
        one longer than those given (float64). Raises Problem for ids outside the vocabulary."""
        flat = np.ascontiguousarray(texts.flat, np.int32)
        offsets = np.ascontiguousarray(texts.offsets, np.int64)
        self._check(flat[offsets[0] : offsets[-1]])
        scores = np.empty(int(offsets[-1] - offsets[0]) + len(texts), np.float64)
        threads = self.about.config.threads or cpu_count() or 1
        parts = np.linspace(offsets[0], offsets[-1], 4 * threads + 1)
        cuts = np.unique(np.append(np.searchsorted(offsets, parts), (0, len(texts))))
        cuts = cuts[cuts <= len(texts)]

        def part(k: int) -> None:
            score_texts(self._arrays, flat, offsets, cuts[k], cuts[k + 1], scores)

        if threads == 1 or len(flat) < 1 << 14:
            score_texts(self._arrays, flat, offsets, 0, len(texts), scores)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(part, range(len(cuts) - 1)))
        return Ragged(scores, offsets - offsets[0] + np.arange(len(offsets)))

    def log_probs_of_stream(
        self, flat: NDArray[np.int32], begin: int = 0, end: int | None = None
    ) -> NDArray[np.float64]:
        """Natural logarithms of the probabilities of the units begin..end of a stream, 0 for those that begin
        texts; the units before them are context. The scores of stupid backoff are divided by their sum after
        each context. Raises Problem for ids outside the vocabulary."""
        end = len(flat) if end is None else end
        units = np.array(flat[max(begin - self.order + 1, 0) : end], np.int32)  # a copy, as in `framed`
        self._check(units)
        scores = np.empty(end - begin, np.float64)
        shift = end - len(units)

        def part(a: int, b: int) -> None:
            score_stream(arrays, totals, units, a - shift, b - shift, scores[a - begin : b - begin])

        arrays, totals = self._arrays, self.log_totals
        in_threads(part, begin, end, self.about.config.threads, size=STREAM_UNITS)
        return scores

    def start(self, inside: bool = False) -> State:
        """The state at the beginning of a text; `inside`: where nothing is known of what came before."""
        return State(ROOT, 0) if inside else State(*begin_text(self._arrays))

    def step(self, state: State, unit: int) -> State:
        """The state after one more unit."""
        self._check(np.array([unit]))
        return State(*advance(self._arrays, *state, unit)[1:])

    def next(self, context: Iterable[int] | State = ()) -> NDArray[np.float64]:
        """Natural logarithms of the probabilities of all units [V] after a context: a state, or the ids that
        a text begins with. -inf for <pad> and <s>."""
        if not isinstance(context, State):
            state = self.start()
            for unit in context:
                state = self.step(state, int(unit))
            context = state
        scores = np.empty(len(self.vocabulary), np.float64)
        distribution(self._arrays, *context, scores)
        return scores

    def _check(self, ids: NDArray[Any]) -> None:
        if len(ids) and not (ids.min() >= 0 and ids.max() < len(self.vocabulary)):
            raise Problem(
                "text",
                f"it has ids outside the model's vocabulary of {len(self.vocabulary):,} units.",
                "Encode it with the model's own tokenizer.",
            )

    def save(self, folder: Path | str) -> None:
        """Copies the model to a folder that is new, empty or a model, which it replaces."""
        folder = Path(folder)
        if folder.resolve() == self.folder.resolve():
            return
        make_room(folder)
        with writing(folder):
            for name, array in self._mapped.items():  # as mapped: it may have been removed from its folder
                with (folder / name).open("wb") as file:
                    for begin, end in blocks(0, len(array)):
                        file.write(np.asarray(array[begin:end]).tobytes())
                        release([array])
        write_header(folder, self.vocabulary, self.about)

    @classmethod
    def load(cls, folder: Path | str) -> NgramModel:
        """A model from its folder. Sizes, checksums and the arrays' soundness are verified first; Problem for
        a file that is missing, cut short or changed, and for a newer format."""
        folder = Path(folder)
        vocabulary, about = read_header(folder)
        model = cls(folder, vocabulary, about)
        if not sound(*model.arrays[:4]):
            raise damaged(folder, "the n-grams in it do not form a tree")
        release(model._mapped.values())
        return model


def sizes_of(starts: Sequence[int]) -> dict[str, int]:
    """Numbers in each array of a model."""
    total, parents = starts[-1], starts[-2]
    lengths = (total, parents + 1, total, total, parents)
    return dict(zip(TYPES, lengths, strict=True))


def make_room(folder: Path) -> None:
    """A folder without a header: `folder` is made, or the model in it is removed."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        others = {path.name for path in folder.iterdir()} - {HEADER, *FILES, "work"}
        if others:
            raise Problem(
                str(folder),
                f"this folder holds other things than a model ({', '.join(sorted(others)[:3])}).",
                "Give a folder that is new, empty, or a model to be replaced.",
            )
        shutil.rmtree(folder / "work", ignore_errors=True)
        for name in (HEADER, *FILES):  # not written over: who has mapped them keeps them
            (folder / name).unlink(missing_ok=True)


def write_header(folder: Path, vocabulary: list[str], about: About) -> None:
    """Writes the vocabulary, then the header: from then on the folder is a model."""
    write_text(folder / "vocabulary.json", json.dumps(vocabulary, ensure_ascii=False))
    paths = [folder / name for name in FILES]
    sums = zip(paths, checksums(paths), strict=True)
    files = {path.name: {"sha256": sha, "bytes": path.stat().st_size} for path, sha in sums}
    header = {"format_version": FORMAT_VERSION, "textladder": __version__, **asdict(about), "files": files}
    write_text(folder / HEADER, json.dumps(header, indent=1))


def read_header(folder: Path) -> tuple[list[str], About]:
    """Vocabulary and header of a folder whose files are what was saved."""
    path = folder / HEADER
    if not path.is_file():
        raise Problem(
            str(folder), f"there is no finished n-gram model here (no {HEADER}).", "Give a model's folder."
        )
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        version = header["format_version"]
        if not isinstance(version, int) or version > FORMAT_VERSION:
            raise Problem(
                str(path),
                f"its format version is {version}; textladder {__version__} reads up to {FORMAT_VERSION}.",
                "Install a newer textladder: pip install --upgrade textladder",
            )
        listed = header["files"]
        paths = [folder / name for name in FILES]
        for file, sha in zip(paths, checksums(paths), strict=True):
            if file.stat().st_size != listed[file.name]["bytes"] or sha != listed[file.name]["sha256"]:
                raise damaged(file, "this file was cut short or changed since the model was saved")
        vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        known = {name: header[name] for name in About.__dataclass_fields__ if name in header}
        given = known.pop("config").items()
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given}
        config = NgramConfig(**settings)
        known |= {"starts": tuple(map(int, known["starts"])), "notes": tuple(known["notes"])}
        about = replace(About(config, ()), **known)
        sizes = {name: np.dtype(kind).itemsize * sizes_of(about.starts)[name] for name, kind in TYPES.items()}
        fits = all(listed[name]["bytes"] == size for name, size in sizes.items())
        if not fits or len(about.starts) < 2 or about.starts[1] != len(vocabulary):
            raise damaged(path, "it does not describe the files beside it")
        if not 0 <= about.begins <= len(vocabulary) - len(SPECIAL):
            raise damaged(path, f"{about.begins} units cannot begin texts")
        if tuple(vocabulary[: len(SPECIAL)]) != SPECIAL:
            raise damaged(path, f"the vocabulary does not begin with {' '.join(SPECIAL)}")
    except FileNotFoundError as error:
        raise damaged(Path(error.filename), "this file of the model is missing") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise damaged(path, f"this is not the header of an n-gram model ({error!r})") from error
    return vocabulary, about
