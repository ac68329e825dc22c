"""How a vocabulary is found: by counting units, or by learning subwords with the `tokenizers` library."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from tokenizers import models, pre_tokenizers, trainers

from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.text.tokenizing import (
    SPECIAL,
    WARM_UP_BYTES,
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


def most_frequent(chunks: Iterable[Ragged | Sequence[str]], config: TokenizerConfig) -> list[str]:
    """The units that occur at least `min_count` times, most frequent first, at most what the size allows.

    Units of the same count are in alphabetical order, so that the order of the texts plays no part.
    """
    counts = count(chunks, config)
    for unit in SPECIAL:
        counts.pop(unit, None)
    kept = [unit for unit, n in counts.items() if n >= config.min_count]
    room = max(config.vocabulary_size - len(SPECIAL), 0)
    return heapq.nsmallest(room, kept, key=lambda unit: (-counts[unit], unit))


def count(
    chunks: Iterable[Ragged | Sequence[str]], config: TokenizerConfig, most_units: int = MOST_UNITS
) -> dict[str, int]:
    """How often each unit (word, whitespace, character) occurs."""
    cutter = Tokenizer.of_vocabulary([], config)
    slow: Counter[str] = Counter()
    fast: Any = None
    seen = forgotten = 0
    for chunk in chunks:
        texts = chunk if isinstance(chunk, Ragged) else to_bytes(chunk)
        seen += len(texts.flat)
        if fast is None and seen >= WARM_UP_BYTES:
            fast = _counter(config)
        rest = texts if fast is None else texts.take(np.flatnonzero(~fast.add(texts)))
        for text in to_strings(rest):
            slow.update(cutter.cut(text))
        if len(slow) + (len(fast) if fast else 0) > most_units:
            together = _sum(slow, fast)
            while len(together) > most_units // 2:
                forgotten += 1
                together = {unit: n for unit, n in together.items() if n > forgotten}
            slow = Counter(together)
            if fast is not None:
                fast.keep(together)
                slow.clear()
    return _sum(slow, fast)


def _sum(slow: Counter[str], fast: Any) -> dict[str, int]:
    total = Counter(fast.result()) if fast is not None else Counter[str]()
    total.update(slow)
    return dict(total)


def _counter(config: TokenizerConfig) -> Any:
    try:
        from textladder.text.plain import PlainCounter
    except ImportError:
        return None
    return PlainCounter(scanner(config))


def learn(chunks: Iterator[list[str]], config: TokenizerConfig) -> models.Model:
    """Subword units from texts. Raises Problem if the vocabulary cannot be had.

    bpe: Sennrich et al. 2016, over bytes as in Radford et al. 2019, so that nothing is unknown. wordpiece:
    Schuster and Nakajima 2012. unigram: Kudo 2018.
    """
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if config.units in ("byte", "bpe"):
        if config.units == "bpe" and config.vocabulary_size < len(SPECIAL) + 256:
            raise _too_small(config, len(SPECIAL) + 256)
        if config.units == "byte":
            listed = {unit: n for n, unit in enumerate([*SPECIAL, *_bytes_in_order()])}
            return models.BPE(listed, [])
    settings: dict[str, Any] = {
        "vocab_size": config.vocabulary_size,
        "special_tokens": list(SPECIAL),
        "show_progress": False,
    }
    model: models.Model
    trainer: trainers.Trainer
    match config.units:
        case "bpe":
            model = models.BPE()
            trainer = trainers.BpeTrainer(initial_alphabet=alphabet, min_frequency=2, **settings)
        case "wordpiece":
            model = models.WordPiece(unk_token=SPECIAL[1])
            # Each character may need two units, one that begins a word and one that goes on (##).
            trainer = trainers.WordPieceTrainer(
                limit_alphabet=max((config.vocabulary_size - len(SPECIAL)) // 4, 1),
                min_frequency=2,
                **settings,
            )
        case _:
            model = models.Unigram()
            trainer = trainers.UnigramTrainer(unk_token=SPECIAL[1], **settings)
    library = pipeline(config, model)
    try:
        library.train_from_iterator((chunk for chunk in chunks if chunk), trainer)
    except (
        Exception
    ) as error:  # the library raises plain Exception, for example on texts without a single unit
        raise _nothing(config, str(error)) from error
    learnt = json.loads(library.to_str())["model"]
    return _unigram(learnt, config) if config.units == "unigram" else library.model


def _unigram(learnt: dict[str, Any], config: TokenizerConfig) -> models.Model:
    """The learnt pieces, no more than asked for, with special ones that no text can be cut into."""
    pieces = [(piece, score) for piece, score in learnt["vocab"] if piece not in SPECIAL]
    room = max(config.vocabulary_size - len(SPECIAL), 0)
    pieces = sorted(pieces, key=lambda entry: (-entry[1], entry[0]))[:room]
    if not pieces:
        raise _nothing(config, "no unit was found")
    floor = min(score for _, score in pieces) - 100.0
    return models.Unigram([*((unit, floor) for unit in SPECIAL), *pieces], unk_id=1, byte_fallback=False)


def _bytes_in_order() -> list[str]:
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
