"""`textladder` with translations that are given, units one by one, and going on after a stop."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.program import command, environment, refused, textladder
from tests.test_translate_cli import learned, parallel, set_, texts, write
from textladder import Translator
from textladder.translating_cli import continued


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parallel(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def trained(files: Path) -> Path:
    out, ended = learned(files)
    assert "The rung: rnn-attention (textladder rungs --task translate lists all)" in ended.err
    return out


def test_what_each_unit_of_a_translation_is_given(trained: Path) -> None:
    ended = textladder("translate", trained, "--json", "--per-token", "--n-best", 2, stdin="one dog\ncat\n")
    said = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["number"] for one in said] == [0, 0, 1, 1]
    for one in said:
        units, nats = zip(*one["tokens"], strict=True)
        assert sum(nats) == pytest.approx(one["log_probability"], abs=1e-3)
        assert one["finished"]
        assert units == (*one["translation"].split(), "</s>")
    refused(textladder("translate", trained, "--per-token", stdin="one\n"), "--per-token", "Add --json")
    (best,) = Translator.load(trained).translate("one dog", per_token=True)
    assert best.tokens is not None
    assert [unit for unit, _ in best.tokens] == [*best.text.split(), "</s>"]
    assert math.fsum(nats for _, nats in best.tokens) == pytest.approx(best.log_probability, abs=1e-3)


def test_given_translations_cost_what_the_model_gives_for_them(trained: Path, files: Path) -> None:
    pair = files / "test.en", files / "test.de"
    sources, targets = texts(40, 3)
    python = Translator.load(trained)
    wanted = python.log_probabilities(sources, targets)
    ended = textladder("score", trained, *pair, "--alignment")
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [float(row[0]) for row in rows] == pytest.approx([float(w.sum()) for w in wanted], abs=1e-3)
    assert [float(row[1]) for row in rows] == pytest.approx([math.exp(w.mean()) for w in wanted], abs=1e-3)
    aligned = python.align(sources, targets)
    assert [row[2] for row in rows] == [" ".join(f"{s}-{t}" for s, t in words) for words in aligned]
    assert f"40 pairs, {sum(map(len, wanted))} units with the ends (0 unknown)" in ended.err
    ended = textladder("score", trained, *pair, "--per-token")
    blocks = ended.out.split("\n\n")[:-1]
    assert len(blocks) == 40
    units = [line.split("\t")[1] for line in blocks[0].splitlines()]
    assert units == [*targets[0].split(), "</s>"]
    found = json.loads(textladder("score", trained, *pair, "--per-token", "--alignment", "--json").out)
    assert found["count"] == len(found["pairs"]) == 40
    assert found["log_probability"] == pytest.approx(sum(float(w.sum()) for w in wanted), abs=1e-2)
    assert found["perplexity"] == pytest.approx(
        math.exp(-found["log_probability"] / found["units_predicted"])
    )
    assert [unit for unit, _ in found["pairs"][0]["tokens"]] == units
    assert found["pairs"][0]["alignment"] == [list(words) for words in aligned[0]]


def test_pairs_that_cannot_be_scored(trained: Path, files: Path, tmp_path: Path) -> None:
    pair = files / "test.en", files / "test.de"
    refused(textladder("score", trained, files / "test.en"), "a pair needs two texts", "two files of lines")
    refused(textladder("score", trained, "-", stdin="one\n"), "lines on stdin are no pairs")
    ended = textladder("score", trained, *pair, "--per-token", "--alignment")
    refused(ended, "--per-token, --alignment", "Add --json")
    refused(textladder("generate", trained), "writes no text of its own", "textladder translate")
    given = ["training.epochs=1", "training.min_steps=0", "tokenizer.units=character"]
    ended = textladder(
        "train", files / "train.de", "--task", "language", "--out", tmp_path / "lm", *set_(given)
    )
    assert ended.code == 0, ended.err
    refused(textladder("score", tmp_path / "lm", *pair), "TARGETS", "--task translate")
    refused(textladder("score", tmp_path / "lm", pair[0], "--alignment"), "--alignment", "--task translate")


def test_evaluate_says_what_cannot_be_written(trained: Path, files: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path, "odd", 40, 4)
    target.write_text(target.read_text(encoding="utf-8").replace("Hund", "Hündin"), encoding="utf-8")
    unknown = sum(text.split().count("dog") for text in texts(40, 4)[0])
    units = sum(len(text.split()) + 1 for text in texts(40, 4)[1])
    found = json.loads(textladder("evaluate", trained, source, target, "--json").out)
    assert [note for note in found["notes"] if "written" in note] == [
        f"odd.de: {unknown} of {units} target units ({unknown / units:.1%}) are not in the vocabulary, and "
        f"cannot be written (--units bpe can write all): 'Hündin' ({unknown})."
    ]
    plain = textladder("evaluate", trained, files / "test.en", files / "test.de").out
    assert "cannot be written" not in plain
    for name in ("chrf", "ter"):
        assert re.search(rf"^  {name} [0-9.]+ \([0-9.]+ to [0-9.]+\)$", plain, re.M)
    for name, (low, high) in found["intervals"].items():
        assert low <= found["scores"][name] <= high
    assert set(found["intervals"]) == {"bleu", "chrf", "ter"}
    assert found["intervals"]["bleu"] == found["interval"]


def test_texts_are_passed_over(trained: Path, files: Path, tmp_path: Path) -> None:
    (tmp_path / "begins").write_text("eins\n" * 20 + "zwei\n" * 20, encoding="utf-8")
    given = [trained, files / "test.en", "--n-best", 2, "--prefixes", tmp_path / "begins"]
    whole = textladder("translate", *given).out.splitlines()
    rest = textladder("translate", *given, "--skip", 17).out.splitlines()
    assert rest == whole[2 * 17 :]
    assert rest[0].startswith("17\t")
    ended = textladder("translate", trained, "--skip", 3, stdin="one\ntwo\n")
    assert (ended.code, ended.out) == (0, "")
    assert "no text stands behind the 3 of --skip" in ended.err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_that_is_said_gives_the_rest(trained: Path, tmp_path: Path, how: signal.Signals) -> None:
    sources = texts(4000, 5)[0]
    table = tmp_path / "a table.csv"
    table.write_text(
        "number,source\n" + "".join(f"{i},{s}\n" for i, s in enumerate(sources)), encoding="utf-8"
    )
    given = ["translate", trained, table, "--text", "source", "--beam", 1, "--json"]
    process = subprocess.Popen(  # without a buffer, of which `communicate` would know nothing
        command(*given), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), bufsize=0
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(how)
    out, told = process.communicate(timeout=120)
    err = told.decode()
    assert process.returncode == 128 + how
    assert "Traceback" not in err
    done = [json.loads(line) for line in (first + out).splitlines()]
    assert 0 < len(done) < 4000
    (said,) = re.findall(r"the rest: textladder (.*)", err)
    rest = [json.loads(line) for line in textladder(*shlex.split(said)).out.splitlines()]
    assert [one["number"] for one in done + rest] == list(range(4000))


@pytest.mark.quality  # half a minute
def test_memory_does_not_grow_with_the_file(trained: Path, tmp_path: Path) -> None:
    """Thirty times as many lines take a tenth more at most."""
    peaks = []
    for lines in (2000, 60_000):
        (tmp_path / "many").write_text("\n".join(texts(2000, 5)[0] * (lines // 2000)), encoding="utf-8")
        given = command("translate", trained, tmp_path / "many", "--beam", 1)
        with (tmp_path / "out").open("w") as out:
            process = subprocess.Popen(given, stdout=out, env=environment())
            _, status, used = os.wait4(process.pid, 0)
        assert status == 0
        assert len((tmp_path / "out").read_text(encoding="utf-8").splitlines()) == lines
        peaks.append(used.ru_maxrss)
    assert peaks[1] < 1.1 * peaks[0]


def test_lines_that_cannot_match(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\nthree\ndog\ncat\n", encoding="utf-8")
    (tmp_path / "a.de").write_text("eins\n\nHund\n", encoding="utf-8")
    pair = tmp_path / "a.en", tmp_path / "a.de"
    for words in (("look", *pair), ("evaluate", trained, *pair), ("score", trained, *pair)):
        refused(
            textladder(*words), "a.en, line 4",
            "a.de has no such line: it ends after 3, and a.en has 5 lines",
            "First without a match: 'dog'", "The last side by side: 'three' and 'Hund'.",
            "Line 2 is empty in one of them",
        )  # fmt: skip
    for task in ("classify", "language"):
        ended = textladder("train", *pair, "--task", task, "--out", tmp_path / "no")
        refused(ended, "two parallel files are for translators alone", "use --task translate")
    refused(textladder("evaluate", trained, pair[0]), "a pair needs two texts", "two files of lines")
    ended = textladder("translate", trained, "--beam", 1, "--n-best", 2, stdin="one\n")
    refused(ended, "--n-best, --beam, --temperature: without a beam")


def test_a_command_that_goes_on_has_one_skip() -> None:
    words = ["translate", "run", "--skip", "5", "f.csv", "--skip=7", "--beam", "2"]
    assert continued(words, 12) == ["translate", "--skip", "12", "run", "f.csv", "--beam", "2"]
