"""Texts to ids. One `tokenizer.json` of the `tokenizers` library holds all that a tokenizer is.

Ids 0 to 3 are <pad> <unk> <s> </s> in every vocabulary, and no text can write them: a text that spells out
"<s>" is cut like any other. Plain texts take the compiled path in `plain.py`, which gives the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import Regex, decoders, models, pre_tokenizers

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.ranges import Count, Size
from textladder.text.normalizing import normalizer, whole_spans, without_surrogates
from textladder.text.opening import WARM_UP_BYTES

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
UNKNOWN, BEGIN, END = 1, 2, 3
COUNTED = ("word", "whitespace", "character")  # units that are counted and listed, not learnt
PLAIN = (*COUNTED, "byte")  # units that the compiled path can cut
SLOW_ROWS_AT_ONCE = 8192

_W = r"[\p{L}\p{M}\p{N}&&[^\p{Han}]]"
# Runs of letters, marks and digits with apostrophes inside them ("don't"); Han characters one by one; all
# else one by one as a reader counts characters (\X: an emoji with its skin tone, a flag).
WORD_PATTERN = (
    rf"\p{{Han}}|{_W}(?:{_W}|[\u200c\u200d])*(?:['\u2019]{_W}(?:{_W}|[\u200c\u200d])*)*|(?:(?!\s)\X)"
)


@dataclass(frozen=True)
class TokenizerConfig:
    """The [tokenizer] table of a recipe."""

    units: Literal["word", "whitespace", "character", "byte", "bpe", "wordpiece", "unigram"] = "word"
    # at most, the four special units included; language models of characters: as many as there are
    vocabulary_size: Size = 30_000
    # rarer units become <unk> (word, whitespace, character); language models of characters: 1
    min_count: Count = 2
    # words of --vectors that the vocabulary lacks, beside it: the first of the file (word, whitespace)
    vector_words: Count = 0
    unicode: Literal["none", "NFC", "NFKC"] = "NFKC"
    lowercase: bool = True
    accents: Literal["keep", "strip"] = "keep"
    html: bool = True  # entities such as &amp; are decoded, <br> is a space
    ends: bool = False  # <s> before and </s> after every text, so that n-grams and windows see its ends
    max_length: Size = 512  # units of one text that a model sees
    overlong: Literal["error", "head", "tail", "head+tail", "window"] = "head"  # see overlong.py


class Tokenizer:
    """Cuts texts into units and names them by id. Made by `fit`, `of_vocabulary` or `load`; never changes."""

    def __init__(
        self, library: tokenizers.Tokenizer, config: TokenizerConfig, vocabulary: list[str] | None = None
    ) -> None:
        """vocabulary: of a library that `pipeline` has just made, where it is known."""
        self.config, self._library = config, library
        self.replaced = 0  # lone surrogates that were read as U+FFFD so far
        self._seen = 0
        if vocabulary is not None:
            self.vocabulary, self._standard = vocabulary, True
            return
        units = library.get_vocab(with_added_tokens=False)
        self.vocabulary = sorted(units, key=units.__getitem__)
        self._standard = _parts(library) == _parts(pipeline(config, library.model))

    @classmethod
    def fit(cls, chunks: Iterable[Ragged | Sequence[str]], config: TokenizerConfig) -> Tokenizer:
        """Learns the vocabulary from texts (chunks of strings, or of UTF-8 bytes), which are read once, one
        chunk at a time. Raises Problem if the configuration cannot be met."""
        from textladder.text import fitting

        if config.units in COUNTED:
            return cls.of_vocabulary(fitting.most_frequent(chunks, config), config)
        return cls(pipeline(config, fitting.learn(chunks, config)), config)

    @classmethod
    def of_vocabulary(cls, units: Iterable[str], config: TokenizerConfig) -> Tokenizer:
        """A tokenizer of words or characters with these units, after the special ones."""
        listed = list(dict.fromkeys([*SPECIAL, *units]))
        model = models.WordLevel({unit: n for n, unit in enumerate(listed)}, unk_token=SPECIAL[UNKNOWN])
        return cls(pipeline(config, model), config, listed)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def encode(self, texts: Ragged | Sequence[str]) -> Ragged:
        """Ids (int32) of texts, given as strings or as UTF-8 bytes; nothing is shortened.

        A lone surrogate is read as U+FFFD and counted in `replaced`. Raises Problem for bytes that are not
        UTF-8.
        """
        ids = self._units(texts)
        return with_ends(ids) if self.config.ends else ids

    def _units(self, texts: Ragged | Sequence[str]) -> Ragged:
        texts = texts if isinstance(texts, Ragged) else to_bytes(texts, self._whole)
        self._seen += len(texts.flat)
        if self._plain is None:
            return self._encode_slowly(texts, np.arange(len(texts)))
        from textladder.text.plain import merge

        ids, counts = self._plain.many(texts)
        slow = np.flatnonzero(counts < 0)
        if not len(slow):
            offsets = np.zeros(len(texts) + 1, np.int64)
            np.cumsum(counts, out=offsets[1:])
            return Ragged(ids, offsets)
        return merge(ids, counts, self._encode_slowly(texts, slow))

    def encode_one(self, text: str) -> NDArray[np.int32]:
        """Ids of one text, by the shortest way."""
        ids = self._units_of_one(text)
        return np.concatenate([[BEGIN], ids, [END]], dtype=np.int32) if self.config.ends else ids

    def _units_of_one(self, text: str) -> NDArray[np.int32]:
        if self._seen < WARM_UP_BYTES:
            self._seen += len(text)
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            text = self._whole(text)
            data = text.encode("utf-8")
        if self._plain is not None:
            ids = self._plain.one(data)
            if ids is not None:
                return ids
        return np.array(self._encoding(text).ids, np.int32)

    def _whole(self, text: str) -> str:
        whole, number = without_surrogates(text)
        self.replaced += number
        return whole

    def _encode_slowly(self, texts: Ragged, rows: NDArray[np.int64]) -> Ragged:
        parts = []
        for start in range(0, len(rows), SLOW_ROWS_AT_ONCE):
            some = [_string(texts, int(row)) for row in rows[start : start + SLOW_ROWS_AT_ONCE]]
            found = self._library.encode_batch_fast(some, add_special_tokens=False)
            parts.append(Ragged.of([encoding.ids for encoding in found], np.int32))
        return Ragged.join(parts) if parts else Ragged.of([], np.int32)

    def _encoding(self, text: str) -> tokenizers.Encoding:
        try:
            return self._library.encode(text, add_special_tokens=False)
        except (UnicodeEncodeError, TypeError):  # a lone surrogate
            return self._library.encode(_whole(text), add_special_tokens=False)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The span (start, end) of each unit, in characters of the text as given.

        Spans are in order. Units made of the same characters (the bytes of one letter) have the same span;
        <s> and </s> have an empty one.
        """
        spans = whole_spans(text, self._encoding(text).offsets, self.config.html)
        return [(0, 0), *spans, (len(text), len(text))] if self.config.ends else spans

    def pieces(self, text: str) -> list[str]:
        """The units as the vocabulary writes them; <unk> for those that are not in it."""
        return [self.vocabulary[unit] for unit in self.encode_one(text)]

    def normalise(self, text: str) -> str:
        """The text as it is cut: Unicode form, case, accents and entities done."""
        return self._library.normalizer.normalize_str(_whole(text))

    def cut(self, text: str) -> list[str]:
        """The normalised units before any is looked up; for subwords: the stretches that they lie in."""
        normal = self.normalise(text)
        return [unit for unit, _ in self._library.pre_tokenizer.pre_tokenize_str(normal)]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids. <pad>, <s> and </s> say nothing and are left out."""
        spoken = [int(unit) for unit in ids if unit == UNKNOWN or unit >= len(SPECIAL)]
        return self._library.decode(spoken, skip_special_tokens=False)

    @cached_property
    def _compiled(self) -> Any:
        """The compiled path; None where it does not apply or numba cannot be had."""
        if self.config.units not in PLAIN or not self._standard:
            return None
        try:
            from textladder.text.plain import PlainEncoder

            byte = self.config.units == "byte"
            vocabulary = [*SPECIAL, *map(chr, range(256))] if byte else self.vocabulary
            return PlainEncoder(scanner(self.config), vocabulary)
        except ImportError:
            return None

    @property
    def _plain(self) -> Any:
        return self._compiled if self._seen >= WARM_UP_BYTES else None

    def save(self, path: Path) -> None:
        """Writes tokenizer.json, as every user of the `tokenizers` library can read it."""
        # Not with its own `save`, which reports a full disk as an exception of no type.
        path.write_text(self._library.to_str(pretty=True), encoding="utf-8")

    @classmethod
    def load(cls, path: Path, config: TokenizerConfig) -> Tokenizer:
        """The tokenizer of a file; `config` is the [tokenizer] table of the recipe that goes with it."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise Problem(str(path), "there is no such file", "Check the model folder.") from None
        return cls.from_json(text, config, str(path))

    def to_json(self) -> str:
        return self._library.to_str()

    @classmethod
    def from_json(cls, text: str, config: TokenizerConfig, where: str = "tokenizer.json") -> Tokenizer:
        next_step = "Copy the model folder again, or train again."
        try:
            tokenizer = cls(tokenizers.Tokenizer.from_str(text), config)
        except Exception as error:  # the library raises plain Exception for every defect
            raise Problem(where, f"this is not a tokenizer: {error}", next_step) from error
        if tuple(tokenizer.vocabulary[: len(SPECIAL)]) != SPECIAL:
            raise Problem(where, f"its first units are not {' '.join(SPECIAL)}", next_step)
        last = tokenizer._library.token_to_id(tokenizer.vocabulary[-1])
        if last != len(tokenizer.vocabulary) - 1:
            raise Problem(where, f"there are {len(tokenizer)} units, but one has number {last}", next_step)
        return tokenizer


def pipeline(config: TokenizerConfig, model: models.Model) -> tokenizers.Tokenizer:
    """The library's tokenizer around a model: normalizer, pre-tokenizer and decoder as the units ask."""
    library = tokenizers.Tokenizer(model)
    library.normalizer = normalizer(config.unicode, config.lowercase, config.accents, config.html)
    split = pre_tokenizers.Split
    match config.units:
        case "word" | "wordpiece":
            library.pre_tokenizer = split(Regex(WORD_PATTERN), "removed", invert=True)
        case "whitespace":
            # A text may hold "<pad>" between spaces; here alone it would be found in the vocabulary.
            steps = [pre_tokenizers.WhitespaceSplit(), split(Regex(r"\A<(?=(?:pad|s|/s)>\z)"), "isolated")]
            library.pre_tokenizer = pre_tokenizers.Sequence(steps)
        case "character":
            library.pre_tokenizer = split(Regex(r"[\s\S]"), "isolated")
        case "byte" | "bpe":
            library.pre_tokenizer = pre_tokenizers.ByteLevel(
                add_prefix_space=False, use_regex=config.units == "bpe"
            )
            library.decoder = decoders.ByteLevel()
        case "unigram":
            # A "<" alone, so that no piece can be found in the vocabulary as "<s>".
            steps = [pre_tokenizers.Metaspace(), split("<", "isolated")]
            library.pre_tokenizer = pre_tokenizers.Sequence(steps)
            library.decoder = decoders.Metaspace()
    if config.units == "wordpiece":
        library.decoder = decoders.WordPiece(cleanup=False)
    elif config.units == "character":
        library.decoder = decoders.Fuse()
    return library


def scanner(config: TokenizerConfig) -> Any:
    from textladder.text.plain import Scanner

    return Scanner(config.units, config.unicode, config.lowercase, config.accents, config.html)


def with_ends(ids: Ragged) -> Ragged:
    """Every row with <s> before and </s> after it."""
    offsets = ids.offsets - ids.offsets[0] + 2 * np.arange(len(ids.offsets))
    flat = np.empty(offsets[-1], ids.flat.dtype)
    inside = np.ones(len(flat), bool)
    flat[offsets[:-1]], flat[offsets[1:] - 1] = BEGIN, END
    inside[offsets[:-1]] = inside[offsets[1:] - 1] = False
    flat[inside] = ids.flat[ids.offsets[0] : ids.offsets[-1]]
    return Ragged(flat, offsets)


def _whole(text: str) -> str:
    return without_surrogates(text)[0]


def to_bytes(texts: Sequence[str], whole: Callable[[str], str] = _whole) -> Ragged:
    """Strings as UTF-8. `whole` gives texts with lone surrogates a form that has UTF-8."""
    try:
        encoded = [text.encode("utf-8") for text in texts]
    except UnicodeEncodeError:
        encoded = [whole(text).encode("utf-8") for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return Ragged(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def to_strings(texts: Ragged | Sequence[str]) -> list[str]:
    if isinstance(texts, Ragged):
        return [_string(texts, row) for row in range(len(texts))]
    return [_whole(text) for text in texts]


def _string(texts: Ragged, row: int) -> str:
    try:
        return texts.string(row)
    except UnicodeDecodeError as error:
        next_step = "Convert the file to UTF-8, for example with iconv."
        raise Problem(f"text {row + 1}", f"its bytes are not UTF-8 ({error.reason})", next_step) from None


def _parts(library: tokenizers.Tokenizer) -> tuple[Any, ...]:
    """What a tokenizer does before it looks units up; the compiled path stands for exactly that. Not of its
    file, which holds the vocabulary too: seconds for half a million words."""
    steps = (library.normalizer, library.pre_tokenizer)
    added = library.get_added_tokens_decoder()
    return *(None if step is None else step.__getstate__() for step in steps), repr(sorted(added.items()))
