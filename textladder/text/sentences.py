"""Sentences with tagged tokens: what a tagger is trained and tested on, from files and from memory.

A sentence is a text, its tokens and its labelled spans, both as spans of the text's characters. Files of
columns give no text: it is rebuilt, tokens apart by single spaces unless the file says otherwise (CoNLL-U).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

from textladder.errors import Problem, suggest
from textladder.ragged import Around, Example
from textladder.text.context import with_context
from textladder.text.items import ItemSource
from textladder.text.lacking import IN_PYTHON, mended
from textladder.text.normalizing import SURROGATE
from textladder.text.opening import blocks, check_file, plain_suffix
from textladder.text.reading import BATCH_ROWS, DataConfig, Rows
from textladder.text.schemes import Recognised, Span, marks_spans, spans_of
from textladder.text.tokens import Bounds, cut

FORMATS = ("conll", "conllu", "jsonl")
ENDINGS = {".conllu": "conllu", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
LISTED = 3  # wrong spans that a message names


@dataclass(frozen=True, slots=True)
class Sentence:
    """text; tokens and spans of its characters; line: where it begins in its file; document: the number of
    that in its file; around: see `context`."""

    text: str
    tokens: Sequence[Bounds]
    spans: Sequence[Span]
    line: int
    document: int = 0
    around: Around | None = None


class Tagged(NamedTuple):
    """A sentence as files of columns have it. spaced: whether a space follows each word. tags: None where the
    file has none. comments: the lines before it."""

    words: list[str]
    spaced: list[bool]
    tags: list[str] | None
    line: int
    document: int
    comments: Sequence[str] = ()


class SentenceSource(ItemSource):
    """Sentences in batches; for `Corpus.read`, what `Source` is for rows."""

    @abstractmethod
    def sentences(self) -> Iterator[Sentence]: ...

    def skipped(self, tokens: Sequence[Any], called: str = "sentences") -> bool:
        """Whether a sentence is left out, having no token, and counted."""
        if tokens or not self.need_label:
            return False
        self.count(f"{{}} {called} without a token were skipped.")
        return True

    def tell_misplaced(self, found: Crossing) -> None:
        """At the end of a pass. Raises Problem for spans that lie on no whole tokens, or counts them."""
        listed = self.list_misplaced(found.records)
        if found.count and found.misplaced == "error":
            raise found.raised(listed, self.setting)
        how = "moved to the nearest tokens" if found.misplaced == "snap" else "left out"
        self.left_out[f"{{}} spans that do not lie on tokens were {how}{listed}."] = found.count

    def _read(self) -> Iterator[Sentence]:
        return with_context(self.sentences(), self.config.context)

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]:
        rows = self._empty()
        for sentence in self._read():
            rows.texts.append(sentence.text)
            rows.targets.append(tuple(sorted({label for _, _, label in sentence.spans})))
            rows.lines.append(sentence.line)
            assert rows.tokens is not None
            assert rows.spans is not None
            rows.tokens.append(sentence.tokens)
            rows.spans.append(sentence.spans)
            if rows.arounds is not None:
                rows.arounds.append(sentence.around)
            if len(rows.lines) >= size:
                yield rows
                rows = self._empty()
        if rows.lines:
            yield rows

    def _empty(self) -> Rows:
        return Rows([], [], [], None, [], [], arounds=[] if self.config.context else None)

    def examples(self) -> Iterator[Example]:
        """Without targets where no labels are asked for."""
        for one in self._read():
            target = tuple(one.spans) if self.need_label else None
            where = f"{self.path.name}:{one.line}"
            yield Example((one.text,), target, where, tokens=one.tokens, around=one.around)


class ColumnSource(SentenceSource):
    """Sentences of words and tags; what the tags mean is learned from all of them first."""

    @abstractmethod
    def tagged(self) -> Iterator[Tagged]: ...

    def recognise(self) -> None:
        """Find out whether the tags mark spans, and by which scheme. Reads the file once."""
        known: set[str] = set()
        seen = Recognised()
        sentences = documents = 0
        document: int | None = None
        for sentence in self.tagged():
            sentences += 1
            documents += sentence.document != document
            document = sentence.document
            if sentence.tags is not None:
                known.update(sentence.tags)
                seen.see(sentence.tags)
        if not sentences:
            raise Problem(str(self.path), "there is no sentence in it.", "Give sentences of tagged tokens.")
        if self.config.context:
            around = f"with {self.config.context:,} tokens before and after it"
            self.notes.append(f"{self.path.name}: {documents:,} documents; a sentence is read {around}.")
        self.marks_spans = marks_spans(known)
        if self.marks_spans:
            self.notes.append(seen.note(self.path.name))
        elif known:
            self.notes.append(f"{self.path.name}: {len(known):,} tags, one for each token.")

    def sentences(self) -> Iterator[Sentence]:
        for one in self.tagged():
            text, tokens = rebuilt(one.words, one.spaced)
            spans = of_tags(one.tags, tokens, self.marks_spans) if one.tags is not None else []
            yield Sentence(text, tokens, spans, one.line, one.document)


def of_tags(tags: Sequence[str], tokens: Sequence[Bounds], marks_spans: bool) -> list[Span]:
    """What a tag for each token says, as spans of characters: those that tags such as B-ORG mark, or else one
    for each token."""
    if marks_spans:
        return [(tokens[a][0], tokens[b - 1][1], label) for a, b, label in spans_of(tags)]
    return [(*bounds, tag) for bounds, tag in zip(tokens, tags, strict=True)]


def rebuilt(words: Sequence[str], spaced: Sequence[bool]) -> tuple[str, list[Bounds]]:
    """The text of words, and where each stands in it."""
    parts = [word + " " if space else word for word, space in zip(words, spaced, strict=True)]
    starts = [0, *accumulate(map(len, parts))]
    bounds = list(zip(starts, map(add, starts, map(len, words)), strict=False))
    return "".join(parts)[: bounds[-1][1]] if bounds else "", bounds


@dataclass
class Crossing:
    """Spans that cross a token or leave their text, gathered over a file so that a message can name them.
    misplaced: what becomes of them (`DataConfig`)."""

    misplaced: str
    records: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # of the first

    @property
    def count(self) -> int:
        return len(self.records)

    def add(self, place: str, span: Span, nearest: Span | None, said: str) -> None:
        self.records.append({"where": place, "span": span, "nearest": nearest, "what": said})
        if len(self.said) < LISTED:
            self.said.append(f"{place}: {said}")

    def raised(self, listed: str, setting: str) -> Problem:
        """listed: where all of them are, for the end of a sentence. setting: see `lacking`."""
        more = f" and {self.count - LISTED:,} more" if self.count > LISTED else ""
        spans = "span does" if self.count == 1 else "spans do"
        return Problem(
            self.records[0]["where"],
            f"{self.count:,} {spans} not lie on tokens of the text. {'; '.join(self.said)}{more}{listed}.",
            mended("tokens", setting),
        )


def placed(
    text: str, tokens: Sequence[Bounds], spans: Sequence[Span], found: Crossing, place: str
) -> list[Span]:
    """Spans in their order that lie on whole tokens; others are added to `found`, and moved if it says so.
    Raises Problem for two that overlap."""
    starts, ends = {s: n for n, (s, _) in enumerate(tokens)}, {e: n for n, (_, e) in enumerate(tokens)}
    kept: list[Span] = []
    for start, end, label in spans:
        if start in starts and end in ends and start < end:
            kept.append((start, end, label))
            continue
        touched = [bounds for bounds in tokens if bounds[0] < end and bounds[1] > start]
        outside = not 0 <= start < end <= len(text)
        what = f"leaves the text of {len(text):,} characters" if outside else "cuts a token"
        what = f"({start}, {end}, {label!r}) {what if outside or touched else 'holds no token'}"
        touched = touched or sorted(tokens, key=lambda b: max(b[0] - end, start - b[1]))[:1]
        nearest = (touched[0][0], touched[-1][1]) if touched else None
        near = f"; nearest: {nearest} {text[slice(*nearest)]!r}" if nearest else ""
        found.add(place, (start, end, label), (*nearest, label) if nearest else None, what + near)
        if found.misplaced == "snap" and nearest:
            kept.append((*nearest, label))
    kept = sorted(set(kept))
    for (_, end, label), (start, _, other) in pairwise(kept):
        if start < end:
            raise Problem(
                place, f"the spans {label!r} and {other!r} overlap.", "Keep one: a token has one label."
            )
    return kept


class GivenSentences(SentenceSource):
    """Sentences in memory: strings (cut by `cut_by`) or lists of words, with spans (start, end, label) of the
    characters or a tag for each token; targets None: none of them."""

    unit, setting = "text ", IN_PYTHON

    def __init__(
        self,
        inputs: Iterable[Any],
        targets: Iterable[Any] | None,
        cut_by: Any = "word",
        config: DataConfig | None = None,
    ) -> None:
        super().__init__(Path("texts"), config or DataConfig(), "memory", targets is not None)
        self.files = []
        self.inputs = list(inputs)
        self.targets = None if targets is None else [list(target) for target in targets]
        self.cut_by = cut_by
        if self.targets is not None and len(self.inputs) != len(self.targets):
            raise Problem(
                "texts",
                f"{len(self.inputs):,} texts, but {len(self.targets):,} lists of spans.",
                "Give one list for each text.",
            )
        tags = {tag for target in self.targets or () for tag in target if isinstance(tag, str)}
        self.marks_spans = marks_spans(tags)

    def place(self, line: int) -> str:
        return f"texts, text {line:,}"

    def sentences(self) -> Iterator[Sentence]:
        self.left_out, found = {}, Crossing(self.config.misplaced)
        for number, given in enumerate(self.inputs, 1):
            place = self.place(number)
            text, tokens = read_given(given, place, self.cut_by)
            if self.targets is None:
                yield Sentence(text, tokens, (), number)
                continue
            target = self.targets[number - 1]
            if target and all(isinstance(tag, str) for tag in target):
                if len(target) != len(tokens):
                    raise Problem(
                        place, f"{len(tokens):,} tokens, but {len(target):,} tags.", "Give one tag for each."
                    )
                spans = of_tags(target, tokens, self.marks_spans)
            else:
                spans = [checked_span(span, place) for span in target]
                spans = placed(text, tokens, spans, found, place)
            yield Sentence(text, tokens, spans, number)
        self.tell_misplaced(found)


def read_given(given: Any, place: str, cut_by: Any) -> tuple[str, list[Bounds]]:
    """A string, or a sequence of words, as text and tokens."""
    words = [given] if isinstance(given, str) else list(given)
    try:
        whole = "".join(words)
    except TypeError:
        kind = next(type(word).__name__ for word in words if not isinstance(word, str))
        raise Problem(place, f"it holds {kind}, not str.", "Give strings.") from None
    if half := SURROGATE.search(whole):
        raise Problem(
            place,
            f"it holds half a character: the lone surrogate U+{ord(half[0]):04X}.",
            "Remove it, or write the character whole; it was cut when the text was made.",
        )
    if not isinstance(given, str) and not all(map(str.strip, words)):
        raise Problem(place, "one of its words is empty.", "Leave it out.")
    if isinstance(given, str):
        return given, cut(given, cut_by)
    return rebuilt(words, [True] * len(words))


def checked_span(span: Any, place: str) -> Span:
    """A span as it was given: {"start", "end", "label"} or [start, end, label]."""
    if isinstance(span, dict):
        span = [span.get("start"), span.get("end"), span.get("label", span.get("type"))]
    good = isinstance(span, (list, tuple)) and len(span) == 3
    if good:
        start, end, label = span
        good = all(isinstance(n, int) and not isinstance(n, bool) for n in (start, end))
        good = good and isinstance(label, str) and bool(label.strip())
    if not good:
        raise Problem(
            place,
            f"{str(span)[:80]} is not a span.",
            'Write {"start": 0, "end": 2, "label": "ORG"} or [0, 2, "ORG"], in characters, the end '
            "behind the last.",
        )
    return int(span[0]), int(span[1]), str(span[2])


def format_of(path: Path, given: str | None) -> str:
    """The format by what was given, else the ending, else the first lines."""
    if given is not None:
        if given not in FORMATS:
            raise Problem("--set data.format", f"{given!r} has no tagged tokens.", suggest(given, FORMATS))
        return given
    if ending := ENDINGS.get(plain_suffix(path)):
        return ending
    _, head = next(blocks(path), (1, ""))
    rows = [line.split("\t") for line in head.split("\n")[:200] if line and not line.startswith("#")]
    if rows and all(len(row) == 10 for row in rows[:-1] or rows):
        return "conllu"
    return "jsonl" if head.lstrip().startswith('{"') else "conll"


def open_sentences(path: Path | str, config: DataConfig, *, need_label: bool = True) -> SentenceSource:
    """A file of tagged tokens. Raises Problem for whatever is wrong with it, as far as it was read.

    need_label: False for sentences to be predicted."""
    from textladder.text.conll import Conll, Conllu
    from textladder.text.marked import MarkedLines, TaggedLines, has_tokens

    path = Path(path)
    check_file(path)
    format = format_of(path, config.format)
    source: SentenceSource
    if format == "jsonl":
        kind = TaggedLines if has_tokens(path, config) else MarkedLines
        source = kind(path, config, format, need_label)
    else:
        source = (Conllu if format == "conllu" else Conll)(path, config, format, need_label)
    if config.format is None:
        source.notes.insert(0, f"{path.name} is read as {format}.")
    if isinstance(source, ColumnSource):
        source.recognise()
    return source
