"""Files of questions: SQuAD's JSON (v1.1 and v2), and JSON Lines of {"passage", "question", "answers"}."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.text.items import chosen_key, records
from textladder.text.opening import blocks
from textladder.text.questions import GivenAnswer, Question, QuestionSource, given_answer
from textladder.text.reading import DataConfig

PASSAGES, QUESTIONS, ANSWERS = ("passage", "context", "text"), ("question", "query"), ("answers", "answer")
LIKE = '{"passage": ..., "question": ..., "answers": [{"text": ..., "start": 0}]}'


class SquadFile(QuestionSource):
    """{"data": [{"paragraphs": [{"context", "qas": [{"question", "id", "answers": [{"text",
    "answer_start"}], "is_impossible"}]}]}]}. The file is held in memory while it is read. A question with
    `is_impossible` has no answer; one that has none and does not say so is one without a label."""

    unit = "question "

    def place(self, line: int) -> str:
        return f"{self.path}, question {line:,}"

    def questions(self) -> Iterator[Question]:
        number = 0
        for passage, asked, place in self._paragraphs():
            for one in asked:
                number += 1
                where = f"{self.place(number)} ({place})"
                given = _get(one, "question", str, where)
                answers = _answers(one.get("answers"), where) if self.need_label else None
                if one.get("is_impossible") is True:
                    answers = ()
                yield Question(
                    passage,
                    given,
                    answers or (answers if "is_impossible" in one else None),
                    number,
                    str(one.get("id", "")),
                )

    def _paragraphs(self) -> Iterator[tuple[str, list[dict[str, Any]], str]]:
        try:
            document = json.loads("".join(text for _, text in blocks(self.path, whole_lines=False)))
        except (ValueError, RecursionError) as error:
            raise Problem(
                str(self.path), f"this is not JSON ({error}).", f"Give a SQuAD file, or lines of {LIKE}."
            ) from error
        articles = _get(document, "data", list, str(self.path))
        for i, article in enumerate(articles, 1):
            place = f"article {i:,}"
            for j, paragraph in enumerate(_get(article, "paragraphs", list, f"{self.path}, {place}"), 1):
                where = f"{place}, paragraph {j:,}"
                passage = _get(paragraph, "context", str, f"{self.path}, {where}")
                yield passage, _get(paragraph, "qas", list, f"{self.path}, {where}"), where


def _get(value: Any, key: str, kind: type, place: str) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        what = "a string" if kind is str else "a list"
        raise Problem(place, f"there is no {key!r} that is {what}.", "Is it a SQuAD file (v1.1 or v2)?")
    return found


def _answers(value: Any, place: str) -> Sequence[GivenAnswer] | None:
    """A list of answers, or {"text": [...], "answer_start": [...]} of lists."""
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        starts = value.get("start", value.get("answer_start"))
        if not isinstance(starts, list) or len(starts) != len(value["text"]):
            raise Problem(place, "it has not as many places as answers.", "Give answer_start for each text.")
        value = [{"text": text, "start": start} for text, start in zip(value["text"], starts, strict=True)]
    listed = value if isinstance(value, list) else [value]
    return tuple(given_answer(one if isinstance(one, dict) else {"text": one}, place) for one in listed)


class QuestionLines(QuestionSource):
    """An object with a passage, a question and a list of answers on each line; an empty list says that
    there is no answer. Other keys are named by --text, --second and --label."""

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        super().__init__(path, config, format, need_label)
        line, first = next(records(path, LIKE), (1, {}))
        place = self.place(line)
        self.passage_key = chosen_key(config.text, first, PASSAGES, "--text", place)
        self.question_key = chosen_key(config.second, first, QUESTIONS, "--second", place)
        self.answers_key = None
        if need_label:
            self.answers_key = chosen_key(config.label, first, ANSWERS, "--label", place)
        keys = [self.passage_key, self.question_key, *([self.answers_key] if self.answers_key else [])]
        self.notes.append(f"Passage, question, answers: {', '.join(map(repr, keys))}.")

    def questions(self) -> Iterator[Question]:
        for line, record in records(self.path, LIKE):
            place = self.place(line)
            passage, asked = record.get(self.passage_key), record.get(self.question_key)
            for name, text in ((self.passage_key, passage), (self.question_key, asked)):
                if not isinstance(text, str):
                    raise Problem(place, f"{name!r} is not a string.", f"Write {LIKE}.")
            answers = _answers(record.get(self.answers_key), place) if self.answers_key else None
            yield Question(str(passage), str(asked), answers, line, str(record.get("id", "")))
