"""JSON Lines of tagged sentences: a text with spans of its characters, or tokens with a tag for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.text.items import chosen_key, records
from textladder.text.reading import DataConfig
from textladder.text.sentences import (
    ColumnSource,
    Crossing,
    Sentence,
    SentenceSource,
    Tagged,
    checked_span,
    placed,
)
from textladder.text.tokens import cut

DOCUMENT = "document"  # the key whose value lines of one document share
LIKE = '{"text": ..., "spans": [[0, 2, "ORG"]]}'
TEXTS, TOKENS = ("text", "sentence"), ("tokens", "words")
SPANS, TAGS = ("spans", "entities", "labels", "slots", "label"), ("tags", "ner_tags", "labels", "upos")


def has_tokens(path: Path, config: DataConfig) -> bool:
    """Whether the first object gives tokens with tags, and not a text with spans."""
    _, first = next(records(path, LIKE), (1, {}))
    found = first.get(config.text) if config.text else next((first[n] for n in TOKENS if n in first), None)
    return isinstance(found, list) and not any(isinstance(first.get(name), str) for name in TEXTS)


class _Named(SentenceSource):
    """Which keys hold what: given, or else the first of the usual names that the first object has."""

    input_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        super().__init__(path, config, format, need_label)
        line, first = next(records(path, LIKE), (1, {}))
        self.input = chosen_key(config.text, first, self.input_names, "--text", self.place(line))
        self.label = None
        if need_label:
            self.label = chosen_key(config.label, first, self.label_names, "--label", self.place(line))
            self.notes.append(f"Text: {self.input!r}; labels: {self.label!r} (--text, --label for others).")
        if config.context and DOCUMENT not in first:
            raise Problem(
                self.place(line),
                f"data.context is {config.context}, and the line does not say of which document it is.",
                f'Write {{"{DOCUMENT}": ...}} on each line, or set data.context=0.',
            )

    def numbered(self) -> Iterator[tuple[int, dict[str, Any], int]]:
        """(line, record, number of its document): lines in a row with one value are of one document."""
        known, number = None, 0
        for line, record in records(self.path, LIKE):
            document = record.get(DOCUMENT)
            number, known = number + (document != known), document
            yield line, record, number


class MarkedLines(_Named):
    """{"text": ..., "spans": [[start, end, label], ...]}, the end behind the last character; spans may also
    be {"start", "end", "label"}. The text is cut into words and punctuation; spans lie on whole tokens."""

    input_names, label_names = TEXTS, SPANS

    def sentences(self) -> Iterator[Sentence]:
        self.left_out = {}
        crossing = Crossing(self.config.misplaced)
        for line, record, document in self.numbered():
            place, text = self.place(line), record.get(self.input)
            if not isinstance(text, str):
                raise Problem(place, f"{self.input!r} is not a string.", "Give every line a text.")
            tokens = cut(text, "word")
            if self.skipped(tokens, "texts"):
                continue
            given = record.get(self.label) if self.label else []
            if not isinstance(given, list):
                raise Problem(place, f"{self.label!r} is not a list.", 'Write [] or [[0, 2, "ORG"]].')
            spans = [checked_span(span, place) for span in given]
            yield Sentence(text, tokens, placed(text, tokens, spans, crossing, place), line, document)
        self.tell_misplaced(crossing)


class TaggedLines(_Named, ColumnSource):
    """{"tokens": [...], "tags": [...]}: strings, as many tags as tokens."""

    input_names, label_names = TOKENS, TAGS

    def tagged(self) -> Iterator[Tagged]:
        self.left_out = {}
        for line, record, document in self.numbered():
            words, tags = record.get(self.input), record.get(self.label) if self.label else None
            for name, found in ((self.input, words), (self.label, tags)):
                if name and not (
                    isinstance(found, list) and all(isinstance(x, str) and x.strip() for x in found)
                ):
                    raise Problem(
                        self.place(line), f"{name!r} is not a list of strings.", "Write tags as strings."
                    )
            assert words is not None
            if tags is not None and len(words) != len(tags):
                raise Problem(
                    self.place(line),
                    f"{len(words):,} tokens, but {len(tags):,} tags.",
                    "Give one tag for each token.",
                )
            if self.skipped(words):
                continue
            yield Tagged(words, [True] * len(words), tags, line, document)
