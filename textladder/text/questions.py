"""Questions about passages, with the places of their answers: what a model of answer spans is trained and
tested on, from files and from memory."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textladder.errors import Problem, suggest
from textladder.ragged import Example
from textladder.text.items import ItemSource
from textladder.text.lacking import IN_PYTHON, Lack, mended
from textladder.text.normalizing import SURROGATE
from textladder.text.opening import blocks, check_file, plain_suffix
from textladder.text.reading import BATCH_ROWS, DataConfig, Rows
from textladder.text.tokens import Bounds

FORMATS = ("squad", "jsonl")
LISTED = 3  # misplaced answers that a message names
GivenAnswer = tuple[str, int | None]  # its text, and where it begins


@dataclass(frozen=True, slots=True)
class Question:
    """As a file has it. answers: None where it says nothing of them, () where it says that there is none.
    line: of its file, or the number of the question; name: what the file calls it."""

    passage: str
    question: str
    answers: Sequence[GivenAnswer] | None
    line: int
    name: str = ""


class QuestionSource(ItemSource):
    """Questions in batches; for `Corpus.read`, what `Source` is for rows.

    Answers that do not stand where the file says are gathered (`Misplaced`)."""

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        super().__init__(path, config, format, need_label)
        self.lacks: list[Lack] = []
        self.misplaced = Misplaced(config.misplaced, config.misplaced_share)

    @abstractmethod
    def questions(self) -> Iterator[Question]: ...

    def examples(self) -> Iterator[Example]:
        """Those that are used. Raises Problem, at the end, for what many of them lack."""
        unlabelled = Lack("unlabelled", self.config.unlabelled, "without answers", "do not say their answers")
        policy = self.config.empty if self.need_label else "keep"
        empty = Lack("empty", policy, "with an empty text", "have an empty text")
        self.lacks = [unlabelled, empty] if self.need_label else [empty]
        self.left_out, seen, lost = {}, 0, 0
        self.misplaced = found = Misplaced(self.config.misplaced, self.config.misplaced_share)
        for one in self.questions():
            seen += 1
            place = self.place(one.line)
            for text in (one.passage, one.question):
                check_whole(text, place)
            bare = "the question" if one.passage.strip() else "the passage"
            if not (one.passage.strip() and one.question.strip()) and empty.leaves_out(one.line, bare):
                continue
            answers = one.answers if self.need_label else None
            if answers is None and self.need_label:
                if unlabelled.leaves_out(one.line, "the list of answers"):
                    continue
                answers = ()
            target = None
            if answers is not None:
                target = tuple(found.placed(one.passage, answers, place, one.name))
                if answers and not target:
                    lost += 1
                    continue
            yield Example((one.passage, one.question), target, f"{self.path.name}:{self.unit}{one.line}")
        for lack in self.lacks:
            if lack.wrong:
                raise lack.problem(self.place, self.unit or "line ", seen, self.setting)
        if not seen:
            raise Problem(str(self.path), "there is no question in it.", "Give passages with questions.")
        self._tell_misplaced(lost)

    def _tell_misplaced(self, lost: int) -> None:
        found = self.misplaced
        if not found.records:
            return
        where = self.list_misplaced(found.records)
        if found.too_many:
            raise found.raised(where, self.setting)
        self.left_out[
            f"{{}} answers that do not stand in their passage where the file says were "
            f"moved to the nearest place{where}."
        ] = found.moved
        self.left_out[
            f"{{}} answers that do not stand in their passage where the file says were left out{where}."
        ] = len(found.records) - found.moved
        self.left_out["{} questions were left out with them, which have no other answer."] = lost

    def report(self) -> list[str]:
        unit = self.unit or "line "
        return [*(lack.line(unit) for lack in self.lacks if lack.count), *super().report()]

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]:
        rows = _fresh()
        for example in self.examples():
            passage, question = example.texts
            rows.texts.append(passage)
            rows.targets.append(())
            rows.lines.append(int(example.where.rpartition(":")[2].removeprefix(self.unit)))
            assert rows.seconds is not None
            assert rows.answers is not None
            rows.seconds.append(question)
            rows.answers.append(example.target or ())
            if len(rows.lines) >= size:
                yield rows
                rows = _fresh()
        if rows.lines:
            yield rows


def _fresh() -> Rows:
    return Rows([], [], [], seconds=[], answers=[])


def check_whole(text: Any, place: str) -> None:
    """Problem for what is no string, or holds half a character."""
    if not isinstance(text, str):
        raise Problem(
            place, f"a passage or question is {type(text).__name__}, not a string.", "Give strings."
        )
    if half := SURROGATE.search(text):
        raise Problem(
            place,
            f"it holds half a character: the lone surrogate U+{ord(half[0]):04X}.",
            "Remove it, or write the character whole; it was cut when the text was made.",
        )


@dataclass
class Misplaced:
    """Answers that do not stand in their passage where they are said to, gathered over a file.

    policy: `data.misplaced`. error: up to `share` of all answers are left out, more are a Problem; snap:
    moved to the nearest place where the passage has them, if it has; drop: left out, however many there
    are.
    """

    policy: str
    share: float
    answers: int = 0  # looked at
    moved: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)

    def placed(self, passage: str, answers: Sequence[GivenAnswer], place: str, name: str) -> list[Bounds]:
        """The places of answers, in their order."""
        kept = []
        for text, start in answers:
            self.answers += 1
            if start is not None and text and start >= 0 and passage.startswith(text, start):
                kept.append((start, start + len(text)))
                continue
            near = nearest(passage, text, start)
            self.records.append(
                {
                    "where": place,
                    "id": name,
                    "answer": text,
                    "start": start,
                    "there": None if start is None or start < 0 else passage[start : start + len(text)],
                    "nearest": None if near is None else {"start": near[0], "text": passage[slice(*near)]},
                }
            )
            if self.policy == "snap" and near is not None:
                self.moved += 1
                kept.append(near)
        return kept

    @property
    def too_many(self) -> bool:
        return self.policy == "error" and len(self.records) > self.share * self.answers

    def raised(self, listed: str, setting: str) -> Problem:
        """listed: where all of them are, for the end of a sentence. setting: see `lacking`."""
        said = "; ".join(_misplaced_line(record) for record in self.records[:LISTED])
        more = f" and {len(self.records) - LISTED:,} more" if len(self.records) > LISTED else ""
        return Problem(
            self.records[0]["where"],
            f"{len(self.records):,} of {self.answers:,} answers do not stand in their passage where the file "
            f"says, more than {self.share:.0%} (data.misplaced_share). {said}{more}{listed}.",
            mended("place", setting),
        )


def _misplaced_line(record: dict[str, Any]) -> str:
    near = record["nearest"]
    found = "it is nowhere in it" if near is None else f"nearest: {near['text']!r} at {near['start']}"
    name = f" ({record['id']})" if record["id"] else ""
    return f"{record['where']}{name}: {record['answer']!r} at {record['start']}; {found}"


def nearest(passage: str, answer: str, start: int | None) -> Bounds | None:
    """Where the passage has an answer, the nearest to `start` (None: the first): the same letters if there
    are such, else with other capitals or other white space. None if it has it nowhere."""
    words = answer.split()
    if not words:
        return None
    pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    places = [found.span() for found in pattern.finditer(passage)]
    exact = [span for span in places if passage[slice(*span)] == answer]
    return min(exact or places, key=lambda span: abs(span[0] - (start or 0)), default=None)


class GivenQuestions(QuestionSource):
    """Questions in memory. answers: of each question a list of (start, end), of {"text", "start"}, or of
    texts, which are then looked for in the passage (where one stands more than once, its place must be
    given); an empty list where there is no answer; None: nothing is said of answers."""

    unit, setting = "question ", IN_PYTHON

    def __init__(
        self,
        passages: Iterable[str],
        questions: Iterable[str],
        answers: Iterable[Any] | None,
        config: DataConfig | None = None,
    ) -> None:
        super().__init__(Path("questions"), config or DataConfig(), "memory", answers is not None)
        self.files = []
        self.passages, self.asked = list(passages), list(questions)
        self.given = None if answers is None else list(answers)
        counts = [len(self.passages), len(self.asked)] + ([] if self.given is None else [len(self.given)])
        if len(set(counts)) > 1:
            raise Problem(
                "questions",
                f"{counts[0]:,} passages, {counts[1]:,} questions"
                + (f", {counts[2]:,} lists of answers" if len(counts) > 2 else "")
                + ".",
                "Give as many of each.",
            )

    def place(self, line: int) -> str:
        return f"questions, question {line:,}"

    def questions(self) -> Iterator[Question]:
        for number, (passage, asked) in enumerate(zip(self.passages, self.asked, strict=True), 1):
            place = self.place(number)
            check_whole(passage, place)
            answers = None if self.given is None else self.given[number - 1]
            if answers is not None:
                if isinstance(answers, (str, dict, tuple)):
                    answers = [answers]
                answers = [given_answer(one, place, passage) for one in answers]
            yield Question(passage, asked, answers, number)


def given_answer(answer: Any, place: str, passage: str = "") -> GivenAnswer:
    """{"text", "start" (or "answer_start")}, (start, end), or a text alone. Problem for anything else."""
    if isinstance(answer, str):
        if passage.count(answer) > 1:
            raise Problem(
                place,
                f"the answer {answer[:80]!r} stands more than once in its passage.",
                "Say where it begins: (start, end) in characters.",
            )
        return answer, passage.find(answer) if answer and answer in passage else None
    if isinstance(answer, dict):
        text, start = answer.get("text"), answer.get("start", answer.get("answer_start"))
        if isinstance(text, str) and (start is None or _is_place(start)):
            return text, start
    if isinstance(answer, (list, tuple)) and len(answer) == 2 and all(map(_is_place, answer)):
        start, end = answer
        if not 0 <= start < end <= len(passage):
            raise Problem(
                place,
                f"({start}, {end}) is no place in a passage of {len(passage):,} characters.",
                "Give the first character and the one behind the last.",
            )
        return passage[start:end], start
    raise Problem(
        place,
        f"{str(answer)[:80]} is not an answer.",
        'Write {"text": "1973", "start": 12}, the start in characters.',
    )


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def format_of(path: Path, given: str | None) -> str:
    """The format by what was given, else the ending, else the first characters."""
    if given is not None:
        if given not in FORMATS:
            raise Problem("--set data.format", f"{given!r} has no answers.", suggest(given, FORMATS))
        return given
    if plain_suffix(path) in (".jsonl", ".ndjson"):
        return "jsonl"
    _, head = next(blocks(path, whole_lines=False), (1, ""))
    return "squad" if re.search(r'"(data|paragraphs)"\s*:\s*\[', head[:10_000]) else "jsonl"


def open_questions(path: Path | str, config: DataConfig, *, need_label: bool = True) -> QuestionSource:
    """A file of passages with questions. Raises Problem for whatever is wrong with it, as far as it was read.

    need_label: False for questions to be answered."""
    from textladder.text.squad import QuestionLines, SquadFile

    path = Path(path)
    check_file(path)
    format = format_of(path, config.format)
    kind = SquadFile if format == "squad" else QuestionLines
    source: QuestionSource = kind(path, config, format, need_label)
    if config.format is None:
        source.notes.insert(0, f"{path.name} is read as {format}.")
    return source
