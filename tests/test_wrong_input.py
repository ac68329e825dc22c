"""Every mistake of a user is met with what is wrong, where, and what to do: exit code 2, no traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.program import refused, rows, textladder, train, write_csv
from textladder.files import WORK
from textladder.model import Model
from textladder.text.opening import LIMIT_BYTES

# files


@pytest.mark.parametrize("command", ["look", "train", "evaluate", "predict"])
def test_a_file_that_is_not_there(command: str, trained: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "reviews.csv")
    wrong = tmp_path / "revews.csv"
    given = {
        "look": ["look", wrong],
        "train": ["train", wrong, "--out", tmp_path / "run"],
        "evaluate": ["evaluate", trained, wrong],
        "predict": ["predict", trained, wrong],
    }[command]
    refused(textladder(*given), str(wrong), "there is no such file", "Did you mean reviews.csv?")
    assert not (tmp_path / "run").exists()


def test_two_files_for_a_task_that_reads_one(reviews: Path, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "more.csv")
    for task in ("classify", "language"):
        ended = textladder("train", reviews, other, "--task", task, "--out", tmp_path / "run")
        refused(ended, f"{reviews} + {other}", "for translators alone", "a folder of them")


@pytest.mark.parametrize("option", ["--dev", "--test"])
def test_a_dev_or_test_file_that_is_not_there(option: str, reviews: Path, tmp_path: Path) -> None:
    refused(train(reviews, tmp_path / "run", option, tmp_path / "no.csv"), "no.csv", "there is no such file")
    assert not (tmp_path / "run").exists()


def test_a_wrong_name_in_a_folder_of_many_files(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"part{number}.csv").touch()
    write_csv(tmp_path / "reviews.csv")
    ended = textladder("look", tmp_path / "revews.csv")
    refused(ended, "Did you mean reviews.csv?")
    assert "part7.csv" not in ended.err
    refused(textladder("look", tmp_path / "zzzzzz"), "has no such file")


def test_a_directory(reviews: Path, tmp_path: Path) -> None:
    refused(train(reviews.parent, tmp_path / "run"), "this is a directory", "reviews.csv")


CONTENTS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("empty",)),
    "header only": (b"text,label\n", ("there is no row after the header",)),
    "not UTF-8": (b"text,label\ngood,1\ncaf\xe9,0\n", ("line 3", "byte 4 of the line, 0xe9, is not UTF-8")),
    "UTF-16": ("text,label\na,b\n".encode("utf-16"), ("UTF-16",)),
    "NUL byte": (b"text,label\ngood,1\nb\0d,0\n", ("line 3", "NUL byte")),
    "unequal columns": (b"text,label\ngood,1\nbad, really,0\n", ("line 3", "3 columns", "has 2")),
    "open quote": (b'text,label\n"good,1\nbad,0\n', ("line 2", "never closed")),
    "stray quote": (b'text,label\n"good"ly,1\nbad,0\n', ("line 2", "quote")),
    "no label column": (
        b"text,number\n" + b"".join(b"a b c %d,%d\n" % (i, i) for i in range(9)),
        ("--label",),
    ),
    "two columns of a name": (b"text,text\na,b\n", ("two columns are named 'text'",)),
    "one class": (b"text,label\n" + b"".join(b"text %d,yes\n" % i for i in range(20)), ("'yes'",)),
    "unlabelled rows": (
        b"text,label\n" + b"".join(b"text %d,%s\n" % (i, [b"a", b"b", b""][i % 3]) for i in range(30)),
        ("line 4", "10 of 30 rows have no label", "data.unlabelled=drop"),
    ),
    "rare class": (
        b"text,label\n"
        + b"".join(b"text %d,%s\n" % (i, b"ab"[i % 2 :][:1]) for i in range(30))
        + b"lone,c\n",
        ("'c'", "data.rare"),
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_wrong_csv(name: str, tmp_path: Path) -> None:
    content, said = CONTENTS[name]
    file = tmp_path / "wrong.csv"
    file.write_bytes(content)
    refused(train(file, tmp_path / "run"), *said)
    assert not (tmp_path / "run" / "model").exists()
    assert not (tmp_path / "run" / WORK).exists()


def test_a_field_of_50_mb(tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    with file.open("wb") as out:
        out.write(b"text,label\ngood,1\n")
        out.write(b"x" * (50 << 20) + b",0\n")
    refused(train(file, tmp_path / "run"), "line 3", f"longer than {LIMIT_BYTES >> 20} MiB")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "a", "label": ', "not JSON"),
        ('["a", "b"]', "array"),
        ('{"text": 3, "label": {"a": 1}}', "'label' is neither"),
        ('{"label": "x"}', "'text' is missing"),
        ('{"text": "\\ud83d", "label": "x"}', "lone surrogate U+D83D"),
    ],
)
def test_jsonl_with_a_broken_line(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    whole = [json.dumps({"text": text, "label": label}) for text, label in rows(6)]
    file.write_text("\n".join([*whole[:3], line, *whole[3:]]) + "\n", encoding="utf-8")
    refused(train(file, tmp_path / "run"), "line 4", said)


def test_a_damaged_gz(tmp_path: Path) -> None:
    import gzip

    file = tmp_path / "cut.csv.gz"
    file.write_bytes(gzip.compress(write_csv(tmp_path / "a.csv", 500).read_bytes())[:-200])
    refused(train(file, tmp_path / "run"), "cut.csv.gz", "damaged or cut off")


def test_plain_text_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
    refused(train(tmp_path / "a.txt", tmp_path / "run"), "plain text has no labels")


@pytest.mark.parametrize("option", ["--text", "--label"])
def test_a_wrong_column_name(option: str, reviews: Path, tmp_path: Path) -> None:
    refused(train(reviews, tmp_path / "run", option, "lable"), f"{option} lable", "Did you mean label?")


def test_labels_in_test_that_train_has_not(reviews: Path, trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "test.csv"
    file.write_text("text,label\nthe film,good\nthe plot,godo\n", encoding="utf-8")
    refused(train(reviews, tmp_path / "run", "--test", file), "test.csv:3", "'godo'", "Did you mean good?")
    refused(textladder("evaluate", trained, file), "test.csv:3", "'godo'", "Did you mean good?")
    assert not (tmp_path / "run").exists()


def test_a_command_that_is_mended_is_not_refused(reviews: Path, tmp_path: Path) -> None:
    """What could not begin leaves nothing that stands in the way."""
    wrong = tmp_path / "test.csv"
    wrong.write_text("text,label\nthe film,good\nthe plot,godo\n", encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    refused(train(reviews, out, "--test", wrong), "'godo'")
    assert not list(out.iterdir())
    assert train(reviews, out).code == 0
    compared = tmp_path / "compared"
    command = ("compare", reviews, "--rungs", "bow", "--out", compared)
    refused(textladder(*command, "--test", wrong), "'godo'")
    assert not compared.exists()


# options

OPTIONS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "rung": (["--rung", "bilstn"], ("Did you mean bilstm",)),
    "recipe file": (["--rung", "mine.toml"], ("mine.toml", "no such recipe file")),
    "task": (["--task", "clasify"], ("--task: ", "Did you mean classify?")),
    "units": (["--units", "wordpice"], ("--units wordpice", "Did you mean wordpiece")),
    "option": (["--rugn", "bow"], ("Did you mean --rung",)),
    "setting": (["--set", "encoder.hiden_dim=3", "--rung", "lstm"], ("Did you mean hidden_dim?",)),
    "table": (["--set", "trainig.epochs=3"], ("Did you mean training?",)),
    "no value": (["--set", "training.epochs"], ("table.key=value",)),
    "type": (["--set", "training.epochs=many"], ("training.epochs", "'many'", "a number")),
    "true for a number": (["--set", "training.epochs=true"], ("training.epochs", "true will not do")),
    "text for a whole number": (["--set", 'training.batch_texts="64"'], ("training.batch_texts", "whole")),
    "choice": (["--set", "tokenizer.overlong=tale"], ("tokenizer.overlong", "Did you mean tail?")),
    "no width": (["--rung", "lstm", "--set", "encoder.hidden_dim=0"], ("hidden_dim", "from 1 on")),
    "no layer": (["--rung", "mlp", "--set", "encoder.hidden_dims=[8, 0]"], ("hidden_dims", "from 1 on")),
    "dropout": (["--rung", "cnn", "--set", "encoder.dropout=1"], ("dropout", "from 0 to below 1")),
    "no length": (["--set", "tokenizer.max_length=0"], ("max_length", "from 1 on")),
    "a large seed": (["--seed", "99999999999999999999"], ("training.seed", "below 2^63")),
    "a seed of the split": (["--set", "data.split_seed=-1"], ("split_seed", "from 0")),
    "share": (["--set", "data.test_share=2"], ("data.test_share",)),
    "device": (["--device", "nonsense"], ("--device", "'nonsense'")),
    "seed": (["--seed", "one"], ("--seed",)),
    "seed below zero": (["--seed", "-1"], ("--seed",)),
    "vectors": (["--rung", "cnn", "--vectors", "no.vec"], ("no.vec", "there is no such file")),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_option(name: str, reviews: Path, tmp_path: Path) -> None:
    options, said = OPTIONS[name]
    refused(train(reviews, tmp_path / "run", *options), *said)


def test_a_recipe_file_with_an_unknown_encoder(reviews: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[encoder]\nname = 'bwo'\n[task]\nname = 'classify'\n", encoding="utf-8")
    refused(train(reviews, tmp_path / "run", "--rung", recipe), str(recipe), "'bwo'", "Did you mean bow?")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[encoder\nname = 'bow'\n", "not TOML"),
        (
            "[encoder]\nname = 'bow'\n[task]\nname = 'classify'\n[training]\nepochs = 'ten'\n",
            "training.epochs",
        ),
        ("[encoder]\n[task]\nname = 'classify'\n", "[encoder] has no name"),
        ("[encodr]\nname = 'bow'\n", "Did you mean encoder or decoder?"),
    ],
)
def test_a_wrong_recipe_file(toml: str, said: str, reviews: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(toml, encoding="utf-8")
    refused(train(reviews, tmp_path / "run", "--rung", recipe), "mine.toml", said)


def test_a_wrong_command_and_a_missing_argument() -> None:
    refused(textladder("trian", "a.csv"), "Did you mean 'train'?")
    refused(textladder("train"), "textladder train:")
    refused(textladder("rungs", "--task", "clasify"), "Did you mean classify?")
    refused(textladder("data", "langauges"), "Did you mean languages?")
    refused(textladder("data", "--out", "a.csv"), "--out", "textladder data languages")


def test_a_language_without_a_dictionary() -> None:
    pytest.importorskip("simplemma")
    refused(textladder("steps", "foxes", "--language", "xx"), "--language xx", "no dictionary")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget", "soon"], "--budget"),
        (["--budget", "0m"], "--budget"),
        (["--seeds", "0"], "--seeds"),
        (["--rungs", "bow,cnnn"], "Did you mean cnn"),
        (["--rungs", ","], "no rung is named"),
        (["--rungs", ""], "no rung is named"),
        (["--task", "clasify"], "Did you mean classify?"),
        (["--units", "wrd"], "Did you mean word"),
        (["--device", "nonsense"], "--device"),
    ],
)
def test_wrong_options_of_compare(options: list[str], said: str, reviews: Path, tmp_path: Path) -> None:
    refused(textladder("compare", reviews, "--out", tmp_path / "c", *options), said)
    assert not (tmp_path / "c" / "runs").exists()


# while it trains


def test_a_text_longer_than_allowed(reviews: Path, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text(reviews.read_text(encoding="utf-8") + "word " * 600 + ",good\n", encoding="utf-8")
    short = ("--set", "tokenizer.max_length=512")
    ended = train(file, tmp_path / "run", "--set", "tokenizer.overlong=error", *short)
    refused(ended, "long.csv:122", "600 units", "tokenizer.max_length")
    cut = train(file, tmp_path / "cut", "--set", "tokenizer.overlong=head", *short)
    assert cut.code == 0
    assert "longer than 512 units" in cut.err
    said = "1 of 121 texts (0.8%) are longer than 512 units; the first are kept, 88 of "
    *_, note = json.loads(textladder("evaluate", tmp_path / "cut", file, "--json").out)["notes"]
    assert note.startswith(said)
    assert f"\n{note}\n" in textladder("evaluate", tmp_path / "cut", file).out
    assert textladder("predict", tmp_path / "cut", file).err == f"{note}\n"
    alone = textladder("predict", tmp_path / "cut", stdin="word " * 600)  # one text has a way of its own
    assert alone.err.startswith(
        "1 of 1 texts (100.0%) are longer than 512 units; the first are kept, 88 of 600"
    )
    assert textladder("predict", tmp_path / "cut", reviews).err == ""


def test_positions_fewer_than_the_length(reviews: Path, tmp_path: Path) -> None:
    settings = ["--set", "encoder.positions=learned", "--set", "encoder.max_length=16"]
    ended = train(reviews, tmp_path / "run", "--rung", "attention", *settings)
    refused(ended, "tokenizer.max_length", "16 positions")


def test_a_loss_that_is_not_finite(reviews: Path, tmp_path: Path) -> None:
    settings = ["training.learning_rate=1e38", "training.clip_norm=0", "training.optimizer=sgd"]
    ended = train(
        reviews, tmp_path / "run", "--rung", "mlp", *[part for s in settings for part in ("--set", s)]
    )
    refused(ended, "step", "training.learning_rate")
    assert not (tmp_path / "run" / "model").exists()


def test_memory_that_runs_out(reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Model.forward

    def never(self: Model, batch: Any) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    def only_small(self: Model, batch: Any) -> Any:
        if batch.count > 20:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes.")
        return forward(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Model, "forward", never)
        refused(train(reviews, tmp_path / "run"), "step 1", "one text alone does not fit in memory")
        patch.setattr(Model, "forward", only_small)
        ended = train(reviews, tmp_path / "smaller")
    assert ended.code == 0
    assert "out of memory: each batch is now trained in 4 parts" in ended.err


def test_memory_that_runs_out_elsewhere(
    reviews: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Model, "predict", never)
    refused(textladder("evaluate", trained, reviews), "memory")
