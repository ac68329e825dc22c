"""The command line as a product: what is printed where, how it ends, what it imports."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.program import command, environment, refused, rows, subprocessed, textladder, write_csv
from textladder import recipe
from textladder.builtin import BUILTIN
from textladder.files import WORK
from textladder.model import Model
from textladder.tasks import TASKS

COMMANDS = ("look", "train", "compare", "evaluate", "predict", "rungs", "data", "steps")


# What is said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name: str) -> None:
    ended = textladder(name, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: textladder {name}")


def test_help_lists_the_commands_and_cuts_no_sentence() -> None:
    ended = textladder()
    assert ended.code == 0
    assert ended == textladder("--help")
    assert all(f"\n  {name} " in ended.out for name in COMMANDS)
    assert not [line for line in ended.out.splitlines()[1:] if line.endswith("...")]


def test_version() -> None:
    from textladder import __version__

    assert textladder("--version").out == f"textladder {__version__}\n"


def test_train_tells_stderr_how_it_goes_and_stdout_how_it_ended(reviews: Path, tmp_path: Path) -> None:
    ended = textladder("train", reviews, "--out", tmp_path / "run", "--seed", 3)
    assert ended.code == 0
    assert "Text: column 'text'" in ended.err
    assert "84 train, 12 dev, 24 test" in ended.err
    assert "dev accuracy" in ended.err
    assert re.match(
        r"bow: test accuracy \d\.\d{4} \(95 % interval \d\.\d{4} to \d\.\d{4}, 24 texts\), dev ", ended.out
    )
    assert ended.out.endswith(f"The model: {tmp_path / 'run' / 'model'}\n")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"recipe.toml", "log.jsonl", "predictions.jsonl", "scores.json", "model"} <= names
    assert not names & {WORK, "resume", ".lock"}


def test_train_as_json_is_what_scores_json_holds(reviews: Path, tmp_path: Path) -> None:
    ended = textladder("train", reviews, "--out", tmp_path / "run", "--json")
    said = json.loads(ended.out)
    assert said == json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8"))
    assert {"training_seconds", "peak_memory_mb", "parameters", "size_mb", "dev", "test"} <= said.keys()
    again = textladder("train", reviews, "--out", tmp_path / "run", "--resume", "--json")
    assert json.loads(again.out) == said
    assert "finished already" in again.err


def test_train_with_dev_and_test_files_within_a_time(reviews: Path, tmp_path: Path) -> None:
    out, dev, test = (tmp_path / name for name in ("run", "dev.csv", "test.csv"))
    options = ["--dev", write_csv(dev, 40, seed=1), "--test", write_csv(test, 60, seed=2)]
    options += ["--rung", "rnn", "--set", "training.max_seconds=0.01"]
    ended = textladder("train", reviews, "--out", out, *options)
    assert ended.code == 0, ended.err
    assert "120 train, 40 dev, 60 test" in ended.err
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert (scores["training_texts"], scores["dev"]["count"], scores["test"]["count"]) == (120, 40, 60)
    assert scores["stopped"] == "max_seconds"
    predicted = (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["where"] for line in predicted] == [f"test.csv:{n}" for n in range(2, 62)]


def test_task_and_units_and_settings_reach_the_recipe(reviews: Path, tmp_path: Path) -> None:
    options = [
        "--task",
        "classify",
        "--units",
        "character",
        "--set",
        "training.epochs=1",
        "--set",
        "data.rare=drop",
    ]
    assert textladder("train", reviews, "--out", tmp_path / "run", *options).code == 0
    written = (tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8")
    assert 'units = "character"' in written
    assert "epochs = 1.0" in written
    assert 'rare = "drop"' in written


def test_a_recipe_file_is_a_rung(reviews: Path, tmp_path: Path) -> None:
    listed = json.loads(textladder("rungs", "--json").out)["rungs"]
    recipe = tmp_path / "mine.toml"
    text = Path(next(entry["recipe"] for entry in listed if entry["rung"] == "mlp")).read_text(
        encoding="utf-8"
    )
    recipe.write_text(text.replace('rung = "mlp"', 'rung = "mine"'), encoding="utf-8")
    assert textladder("train", reviews, "--rung", recipe, "--out", tmp_path / "run").code == 0


def test_look(reviews: Path) -> None:
    ended = textladder("look", reviews)
    assert ended.code == 0
    assert ended.out.startswith("reviews.csv: 120 texts")
    said = json.loads(textladder("look", reviews, "--json").out)
    assert said["rows"] == 120
    assert said["labels"] == {"bad": 60, "good": 60}
    assert textladder("look", "languages", "--json").code == 0


def test_look_finds_the_columns_that_a_training_finds(tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    written = [f'"{text}",{label if i else ""}' for i, (text, label) in enumerate(rows(60))]
    file.write_text("\n".join(written) + "\n", encoding="utf-8")
    said = json.loads(textladder("look", file, "--json").out)
    assert "Label: column 'column2', by its content (--label to choose another)." in said["notes"]
    assert (said["labels"], said["unlabelled"]) == ({"good": 30, "bad": 29}, 1)


def test_look_at_text_without_labels(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one line\nanother line\n", encoding="utf-8")
    ended = textladder("look", tmp_path / "a.txt")
    assert ended.code == 0
    assert "No text has a label" in ended.out


def test_evaluate(reviews: Path, trained: Path) -> None:
    said = json.loads(textladder("evaluate", trained, reviews, "--json").out)
    assert {"task", "rung", "metric", "score", "interval", "count", "scores"} <= said.keys()
    assert (said["task"], said["rung"], said["metric"], said["count"]) == ("classify", "bow", "accuracy", 120)
    assert said["score"] == said["scores"]["accuracy"] > 0.9
    low, high = said["interval"]
    assert 0 <= low <= said["score"] <= high <= 1
    assert textladder("evaluate", trained / "model", reviews).out.startswith(f"accuracy {said['score']:.4f}")


def test_predict_from_a_file_and_from_stdin(reviews: Path, trained: Path) -> None:
    texts = "A lovely film.\nA dull plot.\n\nboring"
    ended = textladder("predict", trained, "-", stdin=texts)
    assert [line.split("\t")[0] for line in ended.out.splitlines()][:2] == ["good", "bad"]
    assert len(ended.out.splitlines()) == 4  # an empty line is a text too
    assert textladder("predict", trained, stdin=texts) == ended
    assert textladder("predict", trained, stdin=texts.replace("\n", "\r\n").encode()).out == ended.out
    said = json.loads(textladder("predict", trained, "--json", stdin=texts).out)
    assert [p["label"] for p in said["predictions"]] == [
        line.split("\t")[0] for line in ended.out.splitlines()
    ]
    assert said["predictions"][0].keys() == {"label", "confidence", "probabilities"}
    lines = textladder("predict", trained, reviews).out.splitlines()
    right = [line.split("\t")[0] == label for line, (_, label) in zip(lines, rows(120), strict=True)]
    assert sum(right) > 108
    packed = reviews.parent / "texts.txt.gz"
    packed.write_bytes(gzip.compress(texts.encode()))
    assert textladder("predict", trained, packed) == ended


def test_predict_nothing(trained: Path) -> None:
    assert textladder("predict", trained).out == ""
    assert json.loads(textladder("predict", trained, "--json").out) == {"predictions": []}


def test_predict_answers_what_has_arrived(trained: Path) -> None:
    """One line in, one line out, while stdin stays open: a program can talk to it."""
    with subprocess.Popen(
        command("predict", trained),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text, label in (("A lovely film.\n", "good"), ("A dull plot.\n", "bad")):
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline().startswith(label + "\t")
        process.stdin.close()
        assert process.wait(30) == 0


def test_several_labels_of_a_text(tmp_path: Path) -> None:
    file = tmp_path / "topics.csv"
    lines = [f'"{text}",{label}{"|long" if i % 3 else ""}' for i, (text, label) in enumerate(rows(90))]
    file.write_text("\n".join(["text,labels", *lines]) + "\n", encoding="utf-8")
    assert textladder("train", file, "--out", tmp_path / "run").code == 0
    said = json.loads(textladder("predict", tmp_path / "run", "--json", stdin="A lovely film.\n").out)
    labels = said["predictions"][0]["labels"]
    line = textladder("predict", tmp_path / "run", stdin="A lovely film.\n").out
    assert line.split("\t")[0].split("|") == labels
    assert len(line.strip().split("\t")[1].split("|")) == len(labels)


def test_rungs() -> None:
    listed = json.loads(textladder("rungs", "--json").out)["rungs"]
    names = [entry["rung"] for entry in listed]
    assert [(entry["task"], entry["rung"]) for entry in listed] == [
        (task, rung) for task in TASKS for rung in recipe.rungs(task)
    ]
    assert {"bow", "bilstm", "gpt", "bilstm-crf", "esim", "bidaf"} <= set(names)
    for entry in listed:
        assert entry.keys() >= {"task", "about", "units", "parameters", "source", "recipe"}
        assert Path(entry["recipe"]).is_file()
        assert entry["source"]
    shown = textladder("rungs").out
    (rescnn,) = (entry for entry in listed if entry["rung"] == "rescnn")
    assert f"each unit sees {rescnn['receptive_field']} units" in shown
    assert all(f"\n{name} " in shown for name in names)


def test_data(tmp_path: Path) -> None:
    listed = {entry["name"]: entry for entry in json.loads(textladder("data", "--json").out)["data"]}
    assert set(listed) == set(BUILTIN)
    languages = listed["languages"]
    assert len(languages["labels"]) == 20
    out = tmp_path / "languages.csv"
    ended = textladder("data", "languages", "--out", out)
    assert ended.code == 0
    assert str(out) in ended.err
    assert out.read_text(encoding="utf-8").startswith("text,label,split\n")
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1 + sum(languages["texts"].values())


def test_steps() -> None:
    text = "The sneaky foxes jumped over the dog"
    stages = json.loads(textladder("steps", text, "--json").out)["stages"]
    assert {"tokenise", "stop words", "rare words", "ids", "one-hot", "counts"} <= {s["name"] for s in stages}
    assert "sneaky" in textladder("steps", text).out
    assert textladder("steps", "").code == 0
    assert textladder("steps", text, "--units", "character").code == 0
    refused(textladder("steps", text, "--units", "bpe"), "--units bpe", "--model RUN")


def test_steps_into_a_model(trained: Path) -> None:
    text = "A dull foxes' film"
    stages = json.loads(textladder("steps", text, "--model", trained, "--json").out)["stages"]
    shown = {stage["name"]: stage["value"] for stage in stages}
    assert [token["unit"] for token in shown["tokenise"]] == ["<unk>", "dull", "<unk>", "<unk>", "film"]
    assert shown["ids"] == Model.load(trained).tokenizer.encode_one(text).tolist()
    refused(textladder("steps", text, "--model", trained, "--units", "byte"), "has units of its own")
    refused(textladder("steps", text, "--model", trained / "none"), "there is no such folder")


# Processes, terminals, pipes and signals


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_in_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    file, folder = tmp_path / "none.csv", tmp_path / "none"
    words: dict[str, tuple[list[Any], str]] = {
        "look": ([file], "none.csv"),
        "train": ([file, "--out", tmp_path / "run"], "none.csv"),
        "compare": ([file, "--out", tmp_path / "runs"], "none.csv"),
        "evaluate": ([folder, file], "none"),
        "predict": ([folder], "none"),
        "rungs": (["--task", "clasify"], "Did you mean classify"),
        "data": (["langages"], "Did you mean languages"),
        "steps": (["a text", "--units", "wrd"], "Did you mean word"),
    }
    given, said = words[name]
    refused(subprocessed(name, *given), said)


def test_a_narrow_terminal_without_colour(reviews: Path, tmp_path: Path) -> None:
    """On a terminal of 40 columns no line of progress is longer; with NO_COLOR nothing is coloured."""
    primary, secondary = pty.openpty()
    with subprocess.Popen(
        command("train", reviews, "--out", tmp_path / "run", "--rung", "rnn", "--set", "training.patience=0"),
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=environment(COLUMNS="40", NO_COLOR="1"),
    ) as process:
        os.close(secondary)
        said = b""
        while True:
            try:
                block = os.read(primary, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            said += block
        assert process.wait(60) == 0
    os.close(primary)
    drawn = [part for part in said.decode().split("\r") if "texts/s" in part or " left" in part]
    assert drawn
    assert all(len(part.strip("\n")) < 40 for part in drawn)
    assert b"\x1b[3" not in said


@pytest.mark.parametrize("arguments", [["predict", "MODEL", "FILE"], ["data"], ["steps", "a b c"]])
def test_a_reader_that_has_seen_enough(arguments: list[str], reviews: Path, trained: Path) -> None:
    given = [{"MODEL": str(trained), "FILE": str(reviews)}.get(part, part) for part in arguments]
    with subprocess.Popen(
        command(*given), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 0


def test_closed_streams(trained: Path) -> None:
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        program = " ".join(command("predict", trained))
        return subprocess.run(
            ["sh", "-c", line.replace("PREDICT", program)],
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )

    closed_in = shell("PREDICT <&-")
    assert (closed_in.returncode, closed_in.stdout) == (2, "")
    assert "stdin: it is closed" in closed_in.stderr
    assert shell("echo a film | PREDICT >&-").returncode == 0
    nothing_said = shell("PREDICT /no/such/file 2>&-")
    assert (nothing_said.returncode, nothing_said.stdout + nothing_said.stderr) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_cannot_be_written(reviews: Path, trained: Path) -> None:
    program = " ".join(command("predict", trained, reviews))
    ended = subprocess.run(
        ["sh", "-c", f"{program} > /dev/full"], capture_output=True, text=True, env=environment(), check=False
    )
    assert ended.returncode == 2
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_that_is_stopped_goes_on(number: int, code: int, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "many.csv", 200)
    out = tmp_path / "run"
    arguments: list[Any] = ["train", file, "--rung", "rnn", "--out", out]
    for setting in ("epochs=8", "patience=0", "log_every=1", "batch_texts=8", "precision=float32"):
        arguments += ["--set", f"training.{setting}"]
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        log = out / "log.jsonl"
        end = time.monotonic() + 60
        while not (log.exists() and log.stat().st_size > 2000) and process.poll() is None:
            assert time.monotonic() < end, "no step was logged"
            time.sleep(0.02)
        process.send_signal(number)
        said, complaint = process.communicate(timeout=60)
    assert process.returncode == code, complaint
    assert said == ""
    assert "--resume" in complaint
    assert "Traceback" not in complaint
    assert (out / "resume").is_dir()
    assert not (out / "scores.json").exists()
    ended = textladder(*arguments, "--resume", "--json")
    assert ended.code == 0, ended.err
    assert "continuing at step" in ended.err
    assert json.loads(ended.out)["epochs"] == 8
    logged = [json.loads(line)["step"] for line in log.read_text(encoding="utf-8").splitlines()]
    assert logged == sorted(logged)
