"""`textladder` with translators, as a user calls it: two files, lines in and out."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.program import Ended, command, environment, refused, textladder
from textladder.cli_options import joined_files

SMALL = [
    "encoder.embedding_dim=24", "encoder.hidden_dim=24", "decoder.embedding_dim=24", "decoder.hidden_dim=24",
    "decoder.attention_dim=16", "encoder.embedding_dropout=0", "encoder.dropout=0", "decoder.dropout=0",
    "training.batch_texts=16", "training.epochs=30", "training.warmup=0", "training.min_steps=0",
    "task.label_smoothing=0",
    "tokenizer.units=whitespace", "tokenizer.min_count=1", "training.learning_rate=0.005",
]  # fmt: skip
WORDS = {"one": "eins", "two": "zwei", "three": "drei", "dog": "Hund", "cat": "Katze", "runs": "rennt"}


def texts(number: int, seed: int) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    rows = [draw.choices(list(WORDS), k=draw.randint(1, 5)) for _ in range(number)]
    return [" ".join(row) for row in rows], [" ".join(WORDS[word] for word in row) for row in rows]


def write(folder: Path, name: str, number: int, seed: int) -> tuple[Path, Path]:
    made = folder / f"{name}.en", folder / f"{name}.de"
    for path, lines in zip(made, texts(number, seed), strict=True):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def set_(values: list[str]) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def parallel(folder: Path) -> Path:
    """The folder, with files for training, dev and test in it."""
    for name, number, seed in (("train", 300, 1), ("val", 40, 2), ("test", 40, 3)):
        write(folder, name, number, seed)
    return folder


def learned(files: Path, *more: str) -> tuple[Path, Ended]:
    """The run of a training on what `parallel` wrote, and what the command said."""
    out = files / "run"
    ended = textladder(
        "train", files / "train.en", files / "train.de", "--task", "translate", *more,
        "--dev", files / "val.en", files / "val.de", "--test", files / "test.en", files / "test.de",
        "--out", out, *set_(SMALL),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return out, ended


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parallel(tmp_path_factory.mktemp("parallel"))


@pytest.fixture(scope="module")
def trained(files: Path) -> tuple[Path, Ended]:
    return learned(files, "--rung", "rnn-attention")


def test_two_files_each_for_training_dev_and_test(trained: tuple[Path, Ended], files: Path) -> None:
    out, ended = trained
    assert "rnn-attention: test bleu" in ended.out
    assert "train.en and train.de are read line by line" in ended.err
    assert "pairs: 300 train, 40 dev, 40 test" in ended.err
    scores = json.loads((out / "scores.json").read_text())
    assert scores["test"]["score"] > 80
    assert "BLEU|" in scores["test"]["signature"].upper()
    assert set(scores["test"]["scores"]) == {
        "bleu", "chrf", "ter", "exact_match", "length_ratio", "rouge_1", "rouge_2", "rouge_l", "distinct_1",
        "distinct_2",
    }  # fmt: skip
    line = json.loads((out / "predictions.jsonl").read_text().splitlines()[0])
    assert line["gold"] == texts(40, 3)[1][0]
    assert "textladder translate" in (out / "model" / "README.md").read_text()


def test_lines_in_lines_out(trained: tuple[Path, Ended], files: Path) -> None:
    sources, _ = texts(40, 3)
    ended = textladder("translate", trained[0], stdin="\n".join(sources))
    of_file = textladder("translate", trained[0], files / "test.en")
    assert ended.code == of_file.code == 0
    lines = ended.out.splitlines()
    assert lines == of_file.out.splitlines()
    assert len(lines) == 40
    said = [json.loads(line) for line in (trained[0] / "predictions.jsonl").read_text().splitlines()]
    assert lines == [one["predicted"] for one in said]
    ended = textladder("translate", trained[0], stdin="one\n\n  \n")
    assert len(ended.out.split("\n")) == 4
    assert "2 texts are empty" in ended.err


def test_n_best_scores_and_alignment(trained: tuple[Path, Ended]) -> None:
    ended = textladder(
        "translate", trained[0], "--beam", 4, "--n-best", 2, "--score", "--alignment", stdin="one dog\ncat\n"
    )
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [row[0] for row in rows] == ["0", "0", "1", "1"]
    assert all(len(row) == 5 for row in rows)
    assert float(rows[0][2]) >= float(rows[1][2])
    assert all(float(row[3]) <= float(row[2]) <= 0 for row in rows)
    assert len(rows[0][4].split()) == len(rows[0][1].split())
    ended = textladder("translate", trained[0], "--json", "--alignment", stdin="cat\n")
    said = json.loads(ended.out)
    assert said["number"] == 0
    assert said["alignment"][0][1] == 0


def test_a_page_of_what_was_looked_at(trained: tuple[Path, Ended], tmp_path: Path) -> None:
    page = tmp_path / "maps" / "map.html"
    ended = textladder("inspect", trained[0], "--text", "one <dog> cat", "--out", page)
    assert ended.code == 0, ended.err
    written = ended.out.splitlines()[0]
    text = page.read_text(encoding="utf-8")
    assert "one &lt;dog&gt; cat" in text
    assert "<dog>" not in text
    assert text.count("<tr><th") == len(written.split()) + 1, "a row for each unit and for </s>"
    assert "http" not in text.replace("http-equiv", ""), "nothing is asked of the network"
    shares = [float(share) for share in re.findall(r'title="([0-9.]+)"', text)]
    assert sum(shares) == pytest.approx(len(written.split()) + 1, abs=0.02)
    given = textladder("inspect", trained[0], "--text", "cat", "--target", "Hund", "--out", page)
    assert given.out.splitlines()[0] == "Hund"


def test_the_tree_of_a_search_is_on_the_page(trained: tuple[Path, Ended], tmp_path: Path) -> None:
    ended = textladder("inspect", trained[0], "--text", "one dog", "--out", tmp_path / "map.html")
    assert ended.code == 0, ended.err
    text = (tmp_path / "map.html").read_text(encoding="utf-8")
    chosen = re.findall(r'<g class="over chosen"><title>([^<]*)</title>', text)
    assert len(chosen) == 1
    assert chosen[0].startswith("&lt;/s&gt;: ")
    way = re.findall(r'<g class="[a-z]+ chosen"><title>([^:]*):', text)
    assert set(way) == {"&lt;/s&gt;", *ended.out.splitlines()[0].split()}
    assert '<g class="pruned">' in text
    assert text.count("<path") < text.count("<rect"), "what stands first is tied to nothing"
    given = textladder(
        "inspect", trained[0], "--text", "one", "--target", "eins", "--out", tmp_path / "t.html"
    )
    assert given.code == 0
    assert 'id="tree"' not in (tmp_path / "t.html").read_text(encoding="utf-8"), "no search was made for it"


def test_a_map_as_a_picture(
    trained: tuple[Path, Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "new" / "map.png"
    refused(
        textladder("inspect", trained[0], "--text", "one", "--out", tmp_path / "map.jpg"), "--out", ".png"
    )
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib.figure", None)
        ended = textladder("inspect", trained[0], "--text", "one", "--out", picture)
        refused(ended, "matplotlib, which is not installed", "pip install textladder[pictures]")
    pytest.importorskip("matplotlib")
    ended = textladder("inspect", trained[0], "--text", "one $dog$ cat", "--out", picture)
    assert ended.code == 0, ended.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"The picture: {picture}" in ended.out


def test_evaluate_reports_all_scores_with_signatures(trained: tuple[Path, Ended], files: Path) -> None:
    ended = textladder("evaluate", trained[0], files / "test.en", files / "test.de", "--json")
    found = json.loads(ended.out)
    stored = json.loads((trained[0] / "scores.json").read_text())["test"]
    assert found["score"] == pytest.approx(stored["score"])
    assert found["interval"] == pytest.approx(stored["interval"])
    for name in ("bleu|", "chrf|", "ter|", "exact_match|", "bootstrap"):
        assert name in found["signature"]
    plain = textladder("evaluate", trained[0], files / "test.en", files / "test.de").out
    assert "chrf " in plain
    assert "ter " in plain


def test_beginnings_of_translations(trained: tuple[Path, Ended], tmp_path: Path) -> None:
    sources, begins = tmp_path / "s.txt", tmp_path / "p.txt"
    sources.write_text("one dog\ncat runs\ntwo\n", encoding="utf-8")
    begins.write_text("zwei\n\nHund rennt\n", encoding="utf-8")
    lines = textladder("translate", trained[0], sources, "--prefixes", begins).out.splitlines()
    plain = textladder("translate", trained[0], sources).out.splitlines()
    assert lines[0].startswith("zwei")
    assert lines[1] == plain[1]
    assert lines[2].startswith("Hund rennt")
    for line in textladder("translate", trained[0], "--prefix", "zwei", stdin="one\ntwo\n").out.splitlines():
        assert line.startswith("zwei")
    begins.write_text("zwei\n\n", encoding="utf-8")
    ended = textladder("translate", trained[0], sources, "--prefixes", begins)
    refused(ended, "s.txt, line 3", "p.txt has no such line: it ends after 2", "'two'")
    refused(textladder("translate", trained[0], "--prefixes", begins, stdin="one\n"), "--prefixes", "stdin")
    refused(textladder("translate", trained[0], "--prefix", "Esel", stdin="one\n"), "'Esel' is not in the")


def test_candidates_are_drawn_and_chosen(trained: tuple[Path, Ended], files: Path, tmp_path: Path) -> None:
    given = ["--mbr", 8, "--seed", 1, "--score"]
    first, again = (textladder("translate", trained[0], *given, stdin="one dog\ncat\n") for _ in range(2))
    assert first.code == 0, first.err
    assert first.out == again.out
    assert all(0 < float(line.split("\t")[1]) <= 100 for line in first.out.splitlines())
    drawn = textladder("translate", trained[0], "--temperature", 2, "--seed", 1, "--n-best", 3, stdin="cat\n")
    assert [line.split("\t")[0] for line in drawn.out.splitlines()] == ["0"] * 3
    said = textladder(
        "translate", trained[0], "--rerank", trained[0], "--rerank-weight", 0, stdin="one dog\n"
    )
    assert said.out == textladder("translate", trained[0], "--length-penalty", 0, stdin="one dog\n").out
    classified = tmp_path / "classified"
    rows = "".join(f"{word},{label}\n" for word, label in zip("abcdefgh", "xyxyxyxy", strict=True))
    (tmp_path / "c.csv").write_text("text,label\n" + rows * 4, encoding="utf-8")
    values = set_(["training.epochs=1", "training.min_steps=0"])
    assert textladder("train", tmp_path / "c.csv", "--out", classified, *values).code == 0
    ended = textladder("translate", trained[0], "--rerank", classified, stdin="one\n")
    refused(ended, "--rerank: this model was trained for the task classify", "--task language")


def test_given_translations_are_scored(trained: tuple[Path, Ended], files: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    said.write_text("\n".join(texts(40, 3)[1]) + "\n", encoding="utf-8")
    pair = files / "test.en", files / "test.de"
    found = json.loads(textladder("evaluate", trained[0], *pair, "--said", said, "--json").out)
    assert found["score"] == pytest.approx(100)
    assert found["scores"]["exact_match"] == 1
    said.write_text("eins\n", encoding="utf-8")
    ended = textladder("evaluate", trained[0], *pair, "--said", said)
    refused(ended, "said.txt", "1 lines", "40 texts")


def test_a_table_of_pairs_serves_as_well(files: Path, tmp_path: Path) -> None:
    rows = zip(*texts(60, 5), strict=True)
    (tmp_path / "pairs.tsv").write_text(
        "source\ttarget\n" + "".join(f"{one}\t{other}\n" for one, other in rows), encoding="utf-8"
    )
    given = [*SMALL, "training.epochs=1"]
    ended = textladder(
        "train", tmp_path / "pairs.tsv", "--task", "translate", "--rung", "gru", "--out", tmp_path / "run",
        *set_([value for value in given if "attention" not in value]),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "columns 'source' and 'target', by their names" in ended.err
    assert textladder("translate", tmp_path / "run", stdin="one\n").code == 0
    refused(textladder("translate", tmp_path / "run", "--alignment", stdin="a\n"), "no attention to show")
    ended = textladder("translate", tmp_path / "run", "--coverage-penalty", 0.2, stdin="a\n")
    refused(ended, "--coverage-penalty", "no attention")
    page = tmp_path / "tree.html"
    assert textladder("inspect", tmp_path / "run", "--text", "one", "--out", page).code == 0
    assert 'id="tree"' in page.read_text(encoding="utf-8")
    refused(
        textladder("inspect", tmp_path / "run", "--text", "one", "--out", page, "--target", "x"),
        "no attention",
    )


def test_what_is_translated_before_an_interrupt_is_there(trained: tuple[Path, Ended], tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("translate", trained[0]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(), text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("one dog\n")
    process.stdin.flush()
    first = process.stdout.readline()  # answered without waiting for more
    assert first.strip()
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    again = f"textladder translate --skip 1 {trained[0]}"
    assert f"1 texts are translated; the rest (with the same lines on stdin): {again}\n" in err
    assert "Traceback" not in err


def test_rungs_are_compared(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "compared"
    given = [
        "training.epochs=1",
        "training.min_steps=0",
        "tokenizer.units=whitespace",
        "tokenizer.min_count=1",
    ]
    ended = textladder(
        "compare", files / "val.en", files / "val.de", "--dev", files / "test.en", files / "test.de",
        "--task", "translate", "--rungs", "gru,conv", "--out", out, "--json", *set_(given),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert {row["rung"] for row in found["rows"]} == {"gru", "conv"}
    assert found["metric"] == "bleu"
    assert "conv" in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("train.en train.de --dev v.en v.de", ["train.en", "train.de", "--dev", "v.en + v.de"]),
        ("--dev v.en v.de --json t.en t.de", ["--dev", "v.en + v.de", "--json", "t.en", "t.de"]),
        ("t.en t.de --dev v.tsv", ["t.en", "t.de", "--dev", "v.tsv"]),
        ("--dev d.csv train.csv", ["--dev", "d.csv", "train.csv"]),
        ("--dev v.tsv t.en t.de", ["--dev", "v.tsv", "t.en", "t.de"]),
        ("t u --dev a b --test c d -x 3", ["t", "u", "--dev", "a + b", "--test", "c + d", "-x", "3"]),
        ("t.csv --dev=d.csv --out x", ["t.csv", "--dev=d.csv", "--out", "x"]),
    ],
)  # fmt: skip
def test_which_words_are_one_option(given: str, wanted: list[str]) -> None:
    assert joined_files(given.split(), {"--json"}) == wanted
