"""How a vocabulary is found: by counting units, or by learning subwords with the `tokenizers` library."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.opening import WARM_UP_BYTES
from textladder.text.tokenizing import (
    SPECIAL,
    UNKNOWN,
    Tokenizer,
    TokenizerConfig,
    pipeline,
    scanner,
    to_bytes,
    to_strings,
)

# Distinct units that are held while counting; beyond it the rarest are forgotten (lossy counting, Manku and
# Motwani 2002), which keeps memory bounded and cannot touch units that are frequent enough to be kept.
MOST_UNITS = 4_000_000
# Words that WordPiece learns from; the counts of a larger corpus are scaled down to about so many.
MOST_WORDS = 20_000_000


def most_frequent(chunks: Iterable[Ragged | Sequence[str]], config: TokenizerConfig) -> list[str]:
    """The units that occur at least `min_count` times, most frequent first, at most what the size allows.

    Units of the same count are in alphabetical order, so that the order of the texts plays no part.
    """
    counts = count(chunks, config)
    for unit in SPECIAL:
        counts.pop(unit, None)
    room = max(config.vocabulary_size - len(SPECIAL), 0)
    kept = sorted(unit for unit, n in counts.items() if n >= config.min_count)
    kept.sort(key=counts.__getitem__, reverse=True)  # which leaves the order of those with the same count
    return kept[:room]


def count(
    chunks: Iterable[Ragged | Sequence[str]],
    config: TokenizerConfig,
    most_units: int = MOST_UNITS,
    on_forget: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """How often each unit (word, whitespace, character) occurs. When units have to be forgotten, `on_forget`
    is told the highest count of those that went."""
    return tally(chunks, config, most_units, on_forget, halves=True).frequent(1)[0]


def tally(
    chunks: Iterable[Ragged | Sequence[str]],
    config: TokenizerConfig,
    most_units: int = MOST_UNITS,
    on_forget: Callable[[int], None] | None = None,
    halves: bool = False,
) -> Tally:
    """As `count`; what was counted in a form that takes less memory, and can be added up. halves: two threads
    share each chunk."""
    cutter = Tokenizer.of_vocabulary([], config)
    counts = Tally()
    seen = forgotten = 0
    for chunk in chunks:
        texts = chunk if isinstance(chunk, Ragged) else to_bytes(chunk)
        seen += len(texts.flat)
        if counts.fast is None and seen >= WARM_UP_BYTES:
            counts.fast = _counter(config, halves)
        rest = texts if counts.fast is None else texts.take(np.flatnonzero(~counts.fast.add(texts)))
        for text in to_strings(rest):
            counts.slow.update(cutter.cut(text))
        if len(counts) > most_units:
            together = counts.frequent(1)[0]
            while len(together) > most_units // 2:
                forgotten += 1
                together = {unit: n for unit, n in together.items() if n > forgotten}
            if on_forget is not None:
                on_forget(forgotten)
            counts.keep(together)
    return counts


class Tally:
    """How often units occur: those of plain texts in a compiled table, others in a dict."""

    def __init__(self) -> None:
        self.slow: Counter[str] = Counter()
        self.fast: Any = None  # PlainCounter or PlainCounters

    def __len__(self) -> int:
        """Different units, or a few more: one may be in both."""
        return len(self.slow) + (0 if self.fast is None else len(self.fast))

    def add(self, other: Tally) -> None:
        self.slow.update(other.slow)
        if self.fast is None:
            self.fast = other.fast
        elif other.fast is not None:
            self.fast.add_counts(other.fast)

    def keep(self, counts: dict[str, int]) -> None:
        """Starts again from these counts."""
        self.slow = Counter(counts if self.fast is None else {})
        if self.fast is not None:
            self.fast.keep(counts)

    def frequent(self, least: int) -> tuple[dict[str, int], int, int]:
        """The units that occur `least` times or more, and the most frequent ones in any case; how many units
        there are in all, and how many different ones."""
        if self.fast is None:
            most = max(self.slow.values(), default=0)
            found = {unit: n for unit, n in self.slow.items() if n >= min(least, most)}
            return found, self.slow.total(), len(self.slow)
        self.fast.add_counts(self.slow)
        self.slow.clear()
        for unit in SPECIAL:
            # The library cuts these after the "<", see `pipeline`.
            if unit != SPECIAL[UNKNOWN] and (times := self.fast.take(unit)):
                self.fast.add_counts({"<": times, unit[1:]: times})
        return self.fast.result(least), self.fast.total, self.fast.different


def _counter(config: TokenizerConfig, halves: bool) -> Any:
    try:
        from textladder.text.plain import PlainCounter, PlainCounters
    except ImportError:
        return None
    return (PlainCounters if halves else PlainCounter)(scanner(config))


def learn(chunks: Iterable[Ragged | Sequence[str]], config: TokenizerConfig) -> models.Model:
    """Subword units from texts. Raises Problem if the vocabulary cannot be had.

    bpe: Sennrich et al. 2016, over bytes as in Radford et al. 2019, so that nothing is unknown. wordpiece:
    Schuster and Nakajima 2012. unigram: Kudo 2018; the library adds up in no fixed order there, so two runs
    may differ in the last digit of a score.
    """
    if config.units == "byte":
        return models.BPE({unit: n for n, unit in enumerate([*SPECIAL, *bytes_in_order()])}, [])
    if config.units == "wordpiece":
        return _wordpiece(count(chunks, replace(config, units="word")), config)
    settings: dict[str, Any] = {
        "vocab_size": config.vocabulary_size,
        "special_tokens": list(SPECIAL),
        "show_progress": False,
    }
    texts = map(to_strings, chunks)
    if config.units == "bpe":
        if config.vocabulary_size < len(SPECIAL) + 256:
            raise _too_small(config, len(SPECIAL) + 256)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, min_frequency=2, **settings)
        return _train(pipeline(config, models.BPE()), texts, trainer, config)
    learner = trainers.UnigramTrainer(unk_token=SPECIAL[1], **settings)
    return _unigram(_train(pipeline(config, models.Unigram()), texts, learner, config), config)


def _train(
    library: tokenizers.Tokenizer,
    texts: Iterable[list[str]],
    trainer: trainers.Trainer,
    config: TokenizerConfig,
) -> models.Model:
    try:
        library.train_from_iterator(filter(None, texts), trainer)
    except Exception as error:  # for texts without a single unit the library has no class of its own
        raise _nothing(config, str(error)) from error
    return library.model


def _wordpiece(words: dict[str, int], config: TokenizerConfig) -> models.Model:
    """WordPiece from words and their counts.

    The library numbers the characters in an order that changes from run to run, and breaks ties by number.
    Given here beforehand, in their order, they make the vocabulary a function of the texts alone.
    """
    letters: Counter[str] = Counter()
    for word, n in words.items():
        for letter in word:
            letters[letter] += n
    # Each may need two units, one that begins a word and one that goes on (##).
    room = max((config.vocabulary_size - len(SPECIAL)) // 4, 1)
    kept = set(heapq.nsmallest(room, letters, key=lambda letter: (-letters[letter], letter)))
    words = {word: n for word, n in words.items() if kept.issuperset(word)}
    if not words:
        raise _nothing(config, "no word was found")
    alphabet = {*(word[0] for word in words), *(f"##{letter}" for word in words for letter in word[1:])}
    library = tokenizers.Tokenizer(models.WordPiece(unk_token=SPECIAL[1]))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocabulary_size,
        special_tokens=[*SPECIAL, *sorted(alphabet)],
        min_frequency=2,
        show_progress=False,
    )
    shrink = max(sum(words.values()) // MOST_WORDS, 1)
    lines = ([f"{word} " * -(-n // shrink)] for word, n in sorted(words.items()))
    return _train(library, lines, trainer, config)


def _unigram(learnt: models.Model, config: TokenizerConfig) -> models.Model:
    """The learnt pieces, no more than asked for; scores are rounded, so that a file holds them exactly."""
    listed = json.loads(tokenizers.Tokenizer(learnt).to_str())["model"]["vocab"]
    pieces = [(piece, round(score, 6)) for piece, score in listed if piece not in SPECIAL]
    room = max(config.vocabulary_size - len(SPECIAL), 0)
    pieces = sorted(pieces, key=lambda entry: (-entry[1], entry[0]))[:room]
    if not pieces:
        raise _nothing(config, "no unit was found")
    return models.Unigram([*((unit, 0.0) for unit in SPECIAL), *pieces], unk_id=1, byte_fallback=False)


def bytes_in_order() -> list[str]:
    """The letters that stand for bytes 0 to 255 in the byte-level alphabet of GPT-2."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = (code for code in range(256, 512))
    return [chr(byte) if byte in shown else chr(next(hidden)) for byte in range(256)]


def _too_small(config: TokenizerConfig, least: int) -> Problem:
    return Problem(
        "tokenizer.vocabulary_size",
        f"{config.vocabulary_size} is too small for {config.units}, which needs {least}",
        f"Set it to {least} or more.",
    )


def _nothing(config: TokenizerConfig, reason: str) -> Problem:
    return Problem(
        "training texts",
        f"no {config.units} units can be learnt from them ({reason})",
        "Give texts that are not empty.",
    )


__all__ = ["count", "learn", "most_frequent"]
