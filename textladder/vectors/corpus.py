"""Texts as flat ids on disk: one pass counts the words, one encodes them, and training reads ids only.

Memory does not grow with the texts: a block is in memory at a time, and the rarest words are forgotten while
counting when there are too many to hold.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from heapq import nsmallest
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.files import writing
from textladder.ragged import Ragged
from textladder.releasing import give_back
from textladder.text.reading import DataConfig
from textladder.text.store import Store, StoreWriter
from textladder.text.tokenizing import SPECIAL, Tokenizer
from textladder.vectors import phrases
from textladder.vectors.config import VectorsConfig
from textladder.vectors.counting import REPORT_SECONDS, Counted, count, tokenizing
from textladder.vectors.progress import Progress, Report
from textladder.vectors.sources import Sources, Texts


@dataclass(frozen=True)
class VectorCorpus:
    """What word vectors are trained on. A sentence is a line or row of the input, without the words that are
    not kept; it may be empty.

    words: most frequent first, those of one count in alphabetical order. counts: [V] int64, how often each
    stands in `ids`. store: one column, "ids". notes: what was found and left out, in sentences.
    """

    words: list[str]
    counts: NDArray[np.int64]
    store: Store
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Sequence[str], sentences: Iterable[Sequence[int]]) -> VectorCorpus:
        """A corpus in memory, from sentences of ids."""
        ids = Ragged.of(sentences, np.int32)
        return cls(list(words), np.bincount(ids.flat, minlength=len(words)), Store.of({"ids": ids}))

    @property
    def ids(self) -> NDArray[np.int32]:
        """[N], sentence after sentence, memory-mapped."""
        return self.store.columns["ids"].flat

    @property
    def offsets(self) -> NDArray[np.int64]:
        """[sentences + 1], memory-mapped."""
        return self.store.columns["ids"].offsets

    def read(self, first: int, last: int) -> Ragged:
        """Sentences first..last, a view. Pages that were read are given back to the system now and then."""
        part = self.store.slice(first, last)["ids"]
        for array in (part.flat, part.offsets):
            array.flags.writeable = False  # one type for the compiled kernels, from a file or from memory
        return part

    def cuts(self, words: int) -> NDArray[np.int64]:
        """Sentence numbers that cut the corpus into parts of about so many words, none within a sentence."""
        marks = np.arange(0, len(self.ids), words)[1:]
        inner = np.searchsorted(self.offsets, marks)
        return np.unique(np.concatenate([[0], inner, [len(self.offsets) - 1]]))


def build(
    sources: Sources,
    config: VectorsConfig,
    folder: Path,
    report: Report | None = None,
    *,
    data: DataConfig | None = None,
    keep: Sequence[str] = (),
) -> VectorCorpus:
    """Counts and encodes texts into `folder`, where nothing stays if it fails.

    sources: files of any format that the text layer reads (Path, or several; .gz and .zst too), read by
    `data`; or an iterable of texts. keep: words that are kept however rare they are (those of vectors that
    are trained on). Raises Problem for what is wrong with a file, for a corpus without a word, when every
    word is rarer than `min_count`, and when the disk is full.
    """
    folder = Path(folder)
    try:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            texts = Texts(sources, data or DataConfig(), folder / "texts")
            counted = count(texts.chunks(), config, report, least=1 if keep else config.min_count)
            words, left_out = _vocabulary(counted, config, keep, texts.name)
            occurrences = np.array([counted.counts.get(word, 0) for word in words], np.int64)
            bytes_read, notes = counted.size, counted.notes
            del counted
            # Made anew, so that the few that are kept do not hold the memory of all that were counted: 20 MB.
            spelled = Ragged.of_strings(words)
            del words
            words = [spelled.string(number) for number in range(len(spelled))]
            _encode(texts, words, config, folder / "ids", bytes_read, report)
            if config.phrases:
                words, occurrences, found = phrases.join(folder / "ids", words, config, keep)
                left_out += found
        store = Store(folder / "ids")
        give_back()
    except BaseException:
        shutil.rmtree(folder / "ids", ignore_errors=True)
        raise
    finally:
        shutil.rmtree(folder / "texts", ignore_errors=True)
    return VectorCorpus(words, occurrences, store, (*texts.notes, *notes, *left_out))


def _vocabulary(
    counted: Counted, config: VectorsConfig, keep: Sequence[str], name: str
) -> tuple[list[str], list[str]]:
    """The words that are kept, most frequent first, and what was left out."""
    counts = counted.counts
    if not counts:
        raise Problem(name, "there is no word in these texts.", "Give texts that are not empty.")
    kept = [word for word, n in counts.items() if n >= config.min_count]
    if not kept and not keep:
        most, n = max(counts.items(), key=itemgetter(1))
        raise Problem(
            name,
            f"no word occurs {config.min_count} times (the most frequent, {most!r}, {n} times).",
            f"Give more text, or --min-count {n}.",
        )
    wanted = set(keep)
    kept.extend(word for word in wanted if counts.get(word, 0) < config.min_count)
    # Phrases are made of all words, and the vocabulary is cut down after that.
    size = len(kept) if config.max_vocabulary is None or config.phrases else config.max_vocabulary
    words = nsmallest(size, kept, key=lambda word: (word not in wanted, -counts.get(word, 0), word))
    words.sort(key=lambda word: (-counts.get(word, 0), word))
    lost = counted.total - sum(counts.get(word, 0) for word in words)
    notes = [f"{counted.total:,} words, {counted.different:,} different ones."]
    if lost:
        why = f"the {len(words):,} most frequent" if size < len(kept) else f"{config.min_count} times or more"
        notes.append(
            f"{len(words):,} words are kept ({why}); "
            f"{lost:,} words of text ({lost / counted.total:.1%}) are left out."
        )
    return words, notes


def _encode(  # noqa: PLR0917
    texts: Texts,
    words: list[str],
    config: VectorsConfig,
    folder: Path,
    size: int,
    report: Report | None,
) -> None:
    """Writes the store of ids; words that are not kept go, unless phrases are to be found, for which they
    count as gaps. size: bytes of all texts."""
    tokenizer = Tokenizer.of_vocabulary(words, tokenizing(config))
    began = told = time.perf_counter()
    done = read = 0
    with StoreWriter(folder) as writer:
        writer.append({"ids": Ragged.of([], np.int32)})
        for chunk in _ahead(texts.chunks()):
            ids = _known(tokenizer.encode(chunk))
            if not config.phrases:
                ids = phrases.dropped(ids)
            writer.append({"ids": ids})
            done, read = done + len(ids.flat), read + len(chunk.flat)
            now = time.perf_counter()
            if report is not None and now - told >= REPORT_SECONDS:
                report(Progress("encode", done, min(read / max(size, 1), 1.0), now - began))
                told = now


def _known(ids: Ragged) -> Ragged:
    """Ids of the tokenizer to ids of the words, which have no special units; OUTSIDE for unknown words."""
    return Ragged(np.maximum(ids.flat - np.int32(len(SPECIAL)), np.int32(phrases.OUTSIDE)), ids.offsets)


def _ahead(chunks: Iterator[Ragged]) -> Iterator[Ragged]:
    """The same chunks; the next one is read while one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield chunk
