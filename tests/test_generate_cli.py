"""`textladder generate` as a person and a program use it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import Ended, command, environment, refused, textladder, train
from textladder.generating import Writing

LINES = [
    f"{who}:\nThe {thing} is {what}.\n"
    for who in "ABC"
    for thing in ("king", "day")
    for what in ("old", "up")
]


def counted(folder: Path, file: str) -> Path:
    """An n-gram model of characters; what it never saw has hardly a probability."""
    words = ("--task", "language", "--rung", "ngram", "--units", "character")
    words += ("--set", "encoder.estimator=add-k", "--set", "encoder.k=0.000001")
    ended = train(folder / file, folder / "run", *words)
    assert ended.code == 0, ended.err
    return folder / "run"


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few lines said over and over."""
    folder = tmp_path_factory.mktemp("plays")
    (folder / "plays.txt").write_text("\n".join(LINES * 20), encoding="utf-8")
    return counted(folder, "plays.txt")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of names with labels."""
    folder = tmp_path_factory.mktemp("names")
    rows = [("novak", "Czech"), ("novotny", "Czech"), ("obrien", "Irish"), ("okeefe", "Irish")] * 20
    with (folder / "names.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return counted(folder, "names.csv")


def test_the_text_begins_with_the_prompt_and_ends_with_a_line(plays: Path) -> None:
    asked = ("generate", plays, "--prompt", "A:", "--length", 40, "--ignore-end", "--seed", 1)
    ended = textladder(*asked)
    assert ended.code == 0
    assert ended.out.startswith("A:\nThe ")
    assert ended.out.endswith("\n")
    assert len(ended.out.rstrip()) > 38
    assert ended.err == ""
    assert textladder(*asked).out == ended.out
    assert textladder(*asked[:-1], 2).out != ended.out


def test_json_says_all_that_is_needed_to_write_it_again(plays: Path) -> None:
    asked = ("generate", plays, "--prompt", "B:", "--length", 30, "--ignore-end", "--n", 3, "--json")
    ended = textladder(*asked)
    said = json.loads(ended.out)
    assert set(said) == {"prompt", "label", "unknown", "seed", "texts"}
    assert (said["prompt"], said["label"], said["unknown"]) == ("B:", None, [])
    assert len(said["texts"]) == 3
    for text in said["texts"]:
        assert set(text) == {"text", "log_probability", "units", "finished"}
        assert text["units"] == 30
        assert text["finished"] is False
        assert text["log_probability"] < 0
    again = (*asked, "--seed", said["seed"])
    assert textladder(*again).out == ended.out


def test_several_texts_are_told_apart(plays: Path, names: Path) -> None:
    ended = textladder("generate", plays, "--prompt", "A:", "--length", 60, "--n", 3, "--seed", 0)
    parts = ended.out.split("----------------\n")
    assert len(parts) == 3
    assert all(part.startswith("A:\n") and part.endswith("\n") for part in parts)
    ended = textladder("generate", names, "--label", "Czech", "--n", 4, "--min-p", 0.1, "--seed", 0)
    assert len(ended.out.splitlines()) == 4
    assert set(ended.out.split()) <= {"novak", "novotny"}


def test_beam_gives_the_best_first(plays: Path) -> None:
    ended = textladder("generate", plays, "--prompt", "A:", "--beam", 4, "--n", 4, "--length", 12, "--json")
    said = json.loads(ended.out)
    assert said["seed"] is None
    nats = [text["log_probability"] for text in said["texts"]]
    assert nats == sorted(nats, reverse=True)
    greedy = textladder("generate", plays, "--prompt", "A:", "--beam", 1, "--length", 12).out
    assert greedy == textladder("generate", plays, "--prompt", "A:", "--temperature", 0, "--length", 12).out


def test_stop_ends_the_text(plays: Path) -> None:
    ended = textladder("generate", plays, "--prompt", "A:", "--stop", "king", "--stop", "day", "--seed", 3)
    assert ended.code == 0
    assert ended.out.startswith("A:\nThe")
    assert "king" not in ended.out
    assert "day" not in ended.out


def test_what_the_model_never_saw_is_told(plays: Path) -> None:
    ended = textladder("generate", plays, "--prompt", "Žük:", "--length", 5)
    assert ended.code == 0
    assert 'never saw "Ž", "ü": read as <unk>' in ended.err
    assert ended.out.startswith("Žük:")
    ended = textladder("generate", plays, "--prompt", "Žük:", "--length", 5, "--json")
    assert json.loads(ended.out)["unknown"] == ["Ž", "ü"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--beam", 4, "--temperature", 0.8), "--temperature"),
        (("--beam", 4, "--top-k", 3, "--top-p", 0.9), "--top-k, --top-p"),
        (("--beam", 1, "--temperature", 0.8, "--length-penalty", 1), "--length-penalty"),
        (("--temperature", 0, "--top-p", 0.9), "--top-p"),
        (("--temperature", 0, "--n", 2), "--n, --temperature"),
        (("--beam", 2, "--n", 3), "--n, --beam"),
        (("--beam", 4, "--groups", 3), "--beam, --groups"),
        (("--beam", 4, "--diversity", 1), "--diversity"),
        (("--top-p", 0), "--top-p"),
        (("--top-p", 1.5), "--top-p"),
        (("--length", 0), "--length"),
        (("--repetition-penalty", 0), "--repetition-penalty"),
        (("--stop", ""), "--stop"),
        (("--label", "Czech"), "--label"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused(
    plays: Path, options: tuple[object, ...], said: str
) -> None:
    ended = textladder("generate", plays, *options)
    refused(ended, f"textladder: {said}: ")


def test_labels_that_cannot_be_are_refused(names: Path) -> None:
    refused(textladder("generate", names, "--label", "Iris"), "--label", "Did you mean Irish?")
    refused(textladder("generate", names), "--label", "Known: Czech, Irish.")


def test_a_classifier_is_refused(trained: Path) -> None:
    refused(textladder("generate", trained, "--prompt", "The"), "writes no text", "textladder predict")


def test_no_model_is_refused(tmp_path: Path) -> None:
    refused(textladder("generate", tmp_path / "none"), "there is no such folder")
    refused(textladder("generate", tmp_path), "no finished model")


def test_an_interrupt_ends_the_line_and_loses_nothing(plays: Path) -> None:
    asked = ("generate", plays, "--prompt", "A:", "--ignore-end", "--seed", 1, "--length")
    with subprocess.Popen(  # without a buffer, of which `communicate` would know nothing
        command(*asked, 10**7), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), bufsize=0
    ) as program:
        assert program.stdout is not None
        begun = program.stdout.read(500)
        program.send_signal(signal.SIGINT)
        rest, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert b"Traceback" not in err
    out = (begun + rest).decode()
    assert out.endswith("\n")
    assert len(out) > 1
    assert textladder(*asked, len(out)).out.startswith(out.rstrip())


def interrupted(*asked: object, units: int) -> Ended:
    """The program that gets a signal when so many units are written."""
    plain = Writing.__iter__

    def stopped(self: Writing) -> Iterator[Any]:
        for number, pieces in enumerate(plain(self), 1):
            yield pieces
            if number == units:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writing, "__iter__", stopped)
        return textladder(*asked)


@pytest.mark.parametrize("n", [1, 2])
def test_what_is_written_at_the_end_is_written_when_interrupted(plays: Path, n: int) -> None:
    asked = ("generate", plays, "--prompt", "A:", "--ignore-end", "--seed", 1, "--n", n, "--json", "--length")
    ended = interrupted(*asked, 10**7, units=70)
    assert ended.code == 130
    said = json.loads(ended.out)
    assert said["interrupted"] is True
    assert [text["units"] for text in said["texts"]] == [70] * n
    whole = json.loads(textladder(*asked, 70).out)
    assert "interrupted" not in whole
    assert said["texts"] == whole["texts"]
    if n > 1:
        words = [word for word in asked if word != "--json"]
        shown, full = interrupted(*words, 10**7, units=70), textladder(*words, 70)
        assert shown.code == 130
        assert shown.out == full.out


def test_a_reader_that_has_seen_enough_is_no_error(plays: Path) -> None:
    words = command("generate", plays, "--length", 10**6, "--ignore-end")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert len(program.stdout.read(100)) == 100
        program.stdout.close()
        assert program.wait(timeout=60) == 0
        assert program.stderr.read() == ""
