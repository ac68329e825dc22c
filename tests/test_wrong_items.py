"""What can be wrong with tagged tokens, pairs, answers and matches: told alike by train (in its own file and
in that of dev), compare and evaluate; predict needs no targets, and answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import test_answering, test_embedding, test_pairing, test_tagging
from tests.helpers import textladder as process
from tests.matches import facts
from tests.program import Ended, refused, textladder
from textladder import measuring

FEW = ["--set", "training.max_steps=4", "--set", "training.min_steps=0"]
ASKS = {
    "tag": ["--task", "tag"],
    "pair": ["--task", "pair"],
    "score": ["--task", "pair", "--label", "score"],
    "span": ["--task", "span"],
    "embed": ["--task", "embed"],
}
RUNGS = {"tag": "window", "pair": "bow", "score": "bow", "span": "window", "embed": "average"}


def sound(task: str, folder: Path) -> Path:
    """A file with nothing wrong in it."""
    if task == "tag":
        return test_tagging.written(folder / "tag.conll", test_tagging.sentences(40))
    if task == "span":
        return test_answering.written(folder / "span.jsonl", test_answering.questions(30))
    if task == "embed":
        rows = [{"text_a": a, "text_b": b} for a, b in facts(100)]
        return test_embedding.written(folder / "embed.jsonl", rows)
    return test_pairing.written(folder / f"{task}.jsonl", test_pairing.pairs(60))


@dataclass(frozen=True)
class Trained:
    """For each task a file and a run, made when they are first asked for."""

    folder: Path

    def file(self, task: str) -> Path:
        return sound(task, self.folder)

    def run(self, task: str) -> Path:
        out = self.folder / f"run-{task}"
        if not out.exists():
            told = self.train(self.file(task), task, out)
            assert told.code == 0, told.err
        return out

    def train(self, file: Path, task: str, out: Path, *more: object) -> Ended:
        words = ["train", file, *ASKS[task], "--rung", RUNGS[task], "--out", out, *FEW]
        return textladder(*words, *more)

    def compare(self, file: Path, task: str, out: Path) -> Ended:
        return textladder("compare", file, *ASKS[task], "--rungs", RUNGS[task], "--out", out, *FEW)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    with pytest.MonkeyPatch.context() as patch:  # speed is hardly measured
        patch.setattr(measuring, "MANY_SECONDS", 0.0)
        patch.setattr(measuring, "ONE_TEXTS", 1)
        yield Trained(tmp_path_factory.mktemp("items"))


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def spans(*wrong: list[Any]) -> str:
    good = {"text": "Ada lives in New York .", "spans": [[0, 3, "PER"], [13, 21, "LOC"]]}
    return lines([*[good] * 20, *[good | {"spans": [span]} for span in wrong]])


def pairs(**wrong: str) -> str:
    rows = [
        {"text_a": a, "text_b": b, "label": label, "score": score}
        for (a, b), label, score in test_pairing.pairs(30)
    ]
    return lines([*rows, rows[0] | wrong])


PASSAGE = "Ada lives in Rome, and Bob lives in Rio!"
MISPLACED = [{"text": "Paris", "start": 13}, {"text": "Rome", "start": 14}]
ASKED = [
    {"passage": PASSAGE, "question": "Where does Ada live?", "answers": [answer]}
    for answer in [*[{"text": "Rome", "start": 13}] * 20, *MISPLACED]
]
CONLL = "".join(f"{name}\tB-PER\nlives\tO\nhere\tO\n\n" for name in test_tagging.FIRST * 5)


@dataclass(frozen=True)
class Case:
    task: str
    name: str
    content: str
    said: tuple[str, ...]
    listed: int = 0  # places in the file of all that are misplaced
    answered: bool = True  # predict has no need of what is wrong


CASES = {
    "columns that disagree": Case(
        *("tag", "w.conll", CONLL + "Bob\tB-PER\nlives\n"),
        *(("w.conll, line 82", "the number of columns is 1, in the first line of the file 2"), 0, False),
    ),
    "columns of CoNLL-U": Case(
        *("tag", "w.conllu", "1\tBob\tBob\tNOUN\n"), *(("line 1: the line has 4 columns, not 10",), 0, False)
    ),
    "a span that cuts a token": Case(
        *("tag", "w.jsonl", spans([13, 18, "LOC"], [0, 3, "PER"])),
        *(("1 span does not lie", "line 21: (13, 18, 'LOC') cuts a token; nearest: (13, 21) 'New York'"), 1),
    ),
    "a span outside the text": Case(
        *("tag", "w.jsonl", spans([13, 18, "LOC"], [22, 40, "X"], [-3, 3, "PER"])),
        *(("3 spans do not lie", "(22, 40, 'X') leaves the text of 23 characters; nearest: (22, 23) '.'"), 3),
    ),
    "answers that are not in their passage": Case(
        *("span", "w.jsonl", lines(ASKED)),
        ("2 of 22 answers do not", "'Paris' at 13; it is nowhere", "'Rome' at 14; nearest: 'Rome' at 13"),
        2,
    ),
    "a question that is empty": Case("span", "w.jsonl", lines([*ASKED[:20], ASKED[0] | {"question": " "}]), (
        "line 21", "the question is empty", "data.empty=drop",
    )),
    "an empty side": Case("pair", "w.jsonl", pairs(text_b=" "), ("line 31", "'text_b' is empty. 1 of 31")),
    "an empty side of a number": Case("score", "w.jsonl", pairs(text_a=""), ("line 31", "'text_a' is empty")),
    "an empty side of a match": Case("embed", "w.jsonl", pairs(text_b=""), ("line 31", "'text_b' is empty")),
    "a score that is no number": Case(
        *("score", "w.jsonl", pairs(score="high")), ("w.jsonl:31", "the label 'high' is not a number")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_told_by_every_command(name: str, trained: Trained, tmp_path: Path) -> None:
    case = CASES[name]
    file, sound, run = tmp_path / case.name, trained.file(case.task), trained.run(case.task)
    file.write_text(case.content, encoding="utf-8")
    commands: dict[str, Callable[[Path], Ended]] = {
        "train": lambda out: trained.train(file, case.task, out),
        "dev": lambda out: trained.train(sound, case.task, out, "--dev", file),
        "compare": lambda out: trained.compare(file, case.task, out),
        "evaluate": lambda _: textladder("evaluate", run, file),
    }
    for command, given in commands.items():
        out = tmp_path / command
        refused(given(out), *case.said)
        part = "dev" if command == "dev" else "train"
        listed = [path.relative_to(out) for path in out.rglob("*")] if out.exists() else []
        if case.listed and command != "evaluate":
            assert listed == [Path(f"misplaced-{part}.jsonl")]
            found = [json.loads(line) for line in (out / listed[0]).read_text("utf-8").splitlines()]
            assert len(found) == case.listed
            assert all("nearest" in one for one in found)
        else:
            assert listed == []
    answered = textladder("predict", run, file, "--json")
    if not case.answered:
        refused(answered, *case.said)
        return
    assert answered.code == 0, answered.err
    assert len(json.loads(answered.out)["predictions"]) == len(case.content.splitlines())


LONG = "".join("Ada\tB-PER\nlives\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n" for _ in range(2000))
ODD = f"{CONLL}in\tO\nOslo\tI-LOC\n\n{LONG}\non\tO\nMonday\tB-DAY\n"
TOLD = (
    "1 illegal transitions were repaired by the rule of conlleval.",
    "1 spans have labels that no training text has: 'DAY' (1).",
)


def test_what_is_odd_of_tokens_is_counted_by_every_command(trained: Trained, tmp_path: Path) -> None:
    """Illegal tags, tags that training never saw and 10,000 tokens in one sentence, in the test file."""
    file, run = tmp_path / "odd.conll", trained.run("tag")
    file.write_text(ODD, encoding="utf-8")
    words = [trained.file("tag"), "tag"]
    one = trained.train(*words, tmp_path / "one", "--test", file)
    asked = ["compare", words[0], *ASKS["tag"], "--rungs", "window", "--out", tmp_path / "several", *FEW]
    several = process(*asked, "--test", file, timeout=280)  # its trainings write to the stderr of a process
    assert (one.code, several.returncode) == (0, 0), one.err + several.stderr
    evaluated = textladder("evaluate", run, file)
    for said in TOLD:
        assert said in one.err
        assert said in several.stderr
        assert said in evaluated.out
    assert evaluated.out.splitlines()[-1].startswith("span_f1|sentences=23|tokens=")
    predicted = textladder("predict", run, file)
    assert predicted.code == 0, predicted.err
    words_of_it = [line.split("\t")[0] for line in ODD.splitlines() if line]
    assert [line.split("\t")[0] for line in predicted.out.splitlines() if line] == words_of_it
    assert "1 of 23 texts" in predicted.err
    assert "are read in windows" in predicted.err


def test_sentences_without_a_token_are_counted_by_every_command(trained: Trained, tmp_path: Path) -> None:
    good = {"text": "Ada lives in New York .", "spans": [[0, 3, "PER"], [13, 21, "LOC"]]}
    rows = [*(good | {"text": good["text"] + "!" * n} for n in range(30)), {"text": " ", "spans": []}]
    file = tmp_path / "bare.jsonl"
    file.write_text(lines(rows), encoding="utf-8")
    told = "1 texts without a token were skipped."
    assert told in trained.train(file, "tag", tmp_path / "one").err
    assert told in trained.compare(file, "tag", tmp_path / "several").err
    assert told in textladder("evaluate", trained.run("tag"), file).out
    answered = textladder("predict", trained.run("tag"), file, "--json")
    assert [len(one["tokens"]) for one in json.loads(answered.out)["predictions"]][-2:] == [6 + 29, 0]
