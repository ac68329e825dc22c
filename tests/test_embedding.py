"""Sentence vectors from files to search: the commands, the run folder, and the index."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.matches import SETTINGS, WORDS, facts, labelled
from tests.program import Ended, refused, textladder
from textladder import measuring
from textladder.comparing.answers import read_answers, statistic_of
from textladder.comparing.summary import summarise
from textladder.inspection.page import write_page
from textladder.metrics.retrieval import HEADLINES
from textladder.model import Model
from textladder.wording import SEARCHED

RUNGS = ["average", "sif", "bow", "cnn", "attention", "bilstm"]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def begun(file: Path, out: Path, *more: object, rung: str = "average", **settings: Any) -> Ended:
    given = SETTINGS | {key.replace("__", "."): value for key, value in settings.items()}
    options = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    return textladder("train", file, "--task", "embed", "--rung", rung, "--out", out, *options, *more)


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Speed is hardly measured, which would take longer than training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "MANY_SECONDS", 0.0)
        patch.setattr(measuring, "ONE_TEXTS", 1)
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    return written(path, [{"text_a": a, "text_b": b} for a, b in facts(200)])


@pytest.fixture(scope="module")
def run(file: Path) -> tuple[Path, dict[str, Any], str]:
    told = begun(file, file.parent / "run", "--json")
    assert told.code == 0, told.err
    return file.parent / "run", json.loads(told.out), told.err


@pytest.fixture(scope="module")
def corpus(file: Path) -> Path:
    lines = [second for _, second in facts(300, seed=5)]
    path = file.parent / "corpus.txt"
    path.write_text("\n".join(["", *lines[:150], "   ", *lines[150:]]) + "\n", encoding="utf-8")
    return path


def found(ended: Ended) -> list[list[str]]:
    assert ended.code == 0, ended.err
    return [line.split("\t") for line in ended.out.splitlines()]


def test_training_says_what_belongs_together_and_how_well_it_is_found(run):
    out, scores, err = run
    assert "'text_a' and 'text_b', by their names" in err
    assert "All pairs belong together" in err
    test = scores["test"]
    assert (scores["task"], scores["metric"]) == ("embed", "mrr")
    assert test["score"] > 0.9
    assert test["interval"][0] <= test["score"] <= test["interval"][1]
    assert test["scores"].keys() == set(HEADLINES)
    assert f"queries={test['count']}|candidates={test['count']}" in test["signature"]
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    asked = [line for line in lines if line["rank"] is not None]
    assert len(asked) == test["count"]
    assert np.mean([1 / line["rank"] for line in asked]) == pytest.approx(test["score"])
    assert asked[0].keys() >= {"where", "text", "second", "cosine", "gold", "predicted", "confidence", "loss"}
    for metric in HEADLINES:
        drawn = statistic_of([out / "predictions.jsonl"], metric, [])
        assert (len(drawn), drawn.value) == (test["count"], pytest.approx(test["scores"][metric]))
        assert metric.startswith(SEARCHED)
    right = [answer.correct for answer in read_answers(out / "predictions.jsonl")]
    assert np.mean(right) == pytest.approx(np.mean([line["rank"] == 1 for line in asked]))
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "TextEncoder" in card
    assert "| queries | mrr |" in card


def test_predicting_lines_files_and_arrays(run, tmp_path):
    out, lines = run[0], [first for first, _ in facts(20, seed=9)]
    said = textladder("predict", out, "-", stdin="\n".join(lines) + "\n")
    vectors = np.array([json.loads(line) for line in said.out.splitlines()])
    assert vectors.shape == (20, 128)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    path = tmp_path / "new.txt.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    records = json.loads(textladder("predict", out, path, "--json").out)["predictions"]
    assert np.array([record["vector"] for record in records]) == pytest.approx(vectors, abs=1e-5)
    told = textladder("predict", out, path, "--out", tmp_path / "v.npy")
    assert told.out.startswith("20 vectors of 128 numbers")
    assert np.load(tmp_path / "v.npy") == pytest.approx(vectors, abs=1e-5)
    assert textladder("predict", out, "-", "--out", tmp_path / "none.npy").code == 0
    assert np.load(tmp_path / "none.npy").shape == (0, 128)
    assert len(textladder("predict", out, "-", stdin="\n").out.splitlines()) == 1  # an empty text has one too


def test_evaluating_another_file(run, tmp_path):
    path = written(tmp_path / "o.jsonl", [{"text_a": a, "text_b": b} for a, b in facts(60, seed=1)])
    told = textladder("evaluate", run[0], path)
    assert "queries" in told.out
    assert "recall_at_10" in told.out
    assert json.loads(textladder("evaluate", run[0], path, "--json").out)["score"] > 0.9


def test_search_is_the_product_of_all_vectors(run, corpus, tmp_path):
    model = Model.load(run[0])
    lines = corpus.read_text("utf-8").splitlines()
    full = [number for number, line in enumerate(lines, 1) if line.strip()]
    scores = model.predict([lines[n - 1] for n in full]) @ model.predict(["dog sleeps here"])[0]
    expected = np.sort(scores)[::-1][:7]
    told = textladder("search", run[0], corpus, "dog sleeps here", "--top", "7")
    rows = found(told)
    assert [row[0] for row in rows] == [str(rank) for rank in range(1, 8)]
    assert [float(row[1]) for row in rows] == pytest.approx(expected, abs=1e-4)
    assert [row[3] for row in rows] == [lines[int(row[2]) - 1] for row in rows]
    assert rows[0][3] == "Hund schläft hier"
    same = [int(row[2]) for row in rows if row[3] == rows[0][3]]
    assert same == sorted(same)  # of equals the first
    assert "300 texts were encoded" in told.err
    assert "2 empty texts are not searched" in told.err
    packed = tmp_path / "c.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    assert textladder("search", run[0], packed, "dog sleeps here", "--top", "7").out == told.out
    table = written(
        tmp_path / "c.jsonl", [{"id": n, "sentence": line} for n, line in enumerate(lines) if line.strip()]
    )
    by_name = textladder("search", run[0], table, "dog sleeps here", "--text", "sentence", "--json")
    result = json.loads(by_name.out)["results"][0]
    assert (result["rank"], result["text"]) == (1, rows[0][3])
    assert len(found(textladder("search", run[0], corpus, "dog", "--top", "1000"))) == 300


def test_several_queries_from_stdin_and_from_a_file(run, corpus, tmp_path):
    asked = "dog sleeps here\ncat runs there\n"
    told = textladder("search", run[0], corpus, "--top", "2", stdin=asked)
    rows = found(told)
    assert [row[:2] for row in rows] == [["0", "1"], ["0", "2"], ["1", "1"], ["1", "2"]]
    assert rows[2][4].startswith("Katze rennt")
    path = tmp_path / "queries.txt"
    path.write_text(asked, encoding="utf-8")
    assert textladder("search", run[0], corpus, "--queries", path, "--top", "2").out == told.out
    answers = [
        json.loads(line)
        for line in textladder("search", run[0], corpus, "-", "--json", stdin=asked).out.splitlines()
    ]
    assert [answer["query"] for answer in answers] == asked.splitlines()
    alone = textladder("search", run[0], corpus, "qqq zzz", "--top", "1")
    assert "knows no word of it" in alone.err


def test_an_index_is_made_once_and_belongs_to_its_model_and_corpus(run, file, corpus, tmp_path):
    place, own = tmp_path / "index", tmp_path / "corpus.txt"
    shutil.copy(corpus, own)
    ask = ("search", run[0], own, "dog sleeps here", "--index", place)
    first, again = textladder(*ask), textladder(*ask)
    assert "were encoded" in first.err
    assert "were encoded" not in again.err
    assert again.out == first.out != ""
    assert {path.name for path in place.iterdir()} == {"index.json", "vectors.npy", "texts"}
    approximate = textladder(*ask, "--approximate")
    assert "cells are looked into; recall@10 is" in approximate.err
    made = (place / "cells.safetensors").stat().st_mtime_ns
    assert textladder(*ask, "--approximate").out == approximate.out
    assert (place / "cells.safetensors").stat().st_mtime_ns == made
    (_, *nearest), (_, *exact) = (found(one)[0] for one in (approximate, first))
    assert (nearest[0], nearest[-1]) == (exact[0], exact[-1])  # score and text; equal texts may stand twice
    with own.open("a", encoding="utf-8") as more:
        more.write("Hund hier\n")
    refused(textladder(*ask), "another corpus, or corpus.txt has changed", "--overwrite")
    assert "301 texts were encoded" in textladder(*ask, "--overwrite").err
    assert begun(file, tmp_path / "other", training__max_steps=1).code == 0
    refused(textladder("search", tmp_path / "other", own, "dog", "--index", place), "made by another model")
    shutil.rmtree(place / "texts")
    refused(textladder(*ask), "no whole index")
    vectors = place / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-4])
    refused(textladder(*ask), "cut short or changed")
    refused(
        textladder("search", run[0], own, "dog", "--index", tmp_path / "other"), "other things than an index"
    )


@pytest.mark.parametrize("rung", RUNGS[1:])
def test_every_rung_trains_and_searches(rung, file, corpus, tmp_path):
    told = begun(file, tmp_path / "run", "--json", rung=rung, training__max_steps=5)
    assert told.code == 0, told.err
    assert json.loads(told.out)["rung"] == rung
    assert len(found(textladder("search", tmp_path / "run", corpus, "dog", "--top", "3"))) == 3


def test_labels_and_scores(tmp_path):
    file = written(tmp_path / "pairs.jsonl", labelled(240))
    told = begun(file, tmp_path / "labels", "--json")
    assert told.code == 0, told.err
    assert "Pairs with the label 'entailment' belong together" in told.err
    test = json.loads(told.out)["test"]
    assert test["score"] > 0.7
    assert (
        0 < test["count"] < len((tmp_path / "labels" / "predictions.jsonl").read_text("utf-8").splitlines())
    )
    scored = begun(file, tmp_path / "scores", "--json", "--label", "score")
    assert scored.code == 0, scored.err
    assert "Pairs with a score from 2.9 on belong together" in scored.err
    scores = json.loads(scored.out)
    assert (scores["metric"], scores["test"]["score"] > 0.6) == ("spearman", True)
    assert scores["test"]["scores"].keys() > {"pearson", "spearman", *HEADLINES}
    of_pairs, of_search = scores["test"]["signature"].split("; ")[:2]
    assert of_pairs.startswith("spearman|pairs=")
    assert of_search.startswith("mrr|queries=")
    line = json.loads((tmp_path / "scores" / "predictions.jsonl").read_text("utf-8").splitlines()[0])
    assert line.keys() >= {"score", "predicted", "loss", "cosine"}


def test_a_third_text_is_a_negative(file, tmp_path):
    rows = [
        {"anchor": a, "positive": b, "negative": facts(1, seed=n + 999)[0][1]}
        for n, (a, b) in enumerate(facts(80))
    ]
    three = written(tmp_path / "three.jsonl", rows)
    told = begun(three, tmp_path / "run", "--json", "--set", "task.loss=triplet")
    assert told.code == 0, told.err
    assert "Negative: column 'negative', by its name" in told.err
    assert json.loads(told.out)["test"]["score"] > 0.6
    rows[7]["negative"] = " "
    refused(begun(written(three, rows), tmp_path / "r"), "line 8", "'negative' is empty")
    refused(begun(file, tmp_path / "r", "--set", "data.negative=none"), "there is no column 'none'")


def test_a_compare_of_searches_has_a_page(run, file):
    """As `textladder compare` makes it of its runs, without its processes."""
    folder = file.parent
    told = begun(file, folder / "other", "--json", rung="bow", training__learning_rate=1e-6)
    assert told.code == 0, told.err
    runs = [("run", 1.0, run[1]), ("other", 1.0, json.loads(told.out)), ("run", 0.5, run[1])]
    data = {"file": str(file), "train": 150}
    comparison = summarise(runs, folder=folder, stopped={}, command="compare", data=data, environment={})
    best, other = comparison["rows"]
    assert (comparison["metric"], comparison["best"], best["rung"]) == ("mrr", "average", "average")
    assert best["score"] == pytest.approx(run[1]["test"]["score"])
    assert other["difference"] == pytest.approx(other["score"] - best["score"])
    assert other["p"] < 0.05
    points = comparison["learning_curve"]["average"]["points"]
    assert [point["texts"] for point in points] == [run[1]["training_texts"]] * 2
    page = write_page(folder, comparison).read_text("utf-8")
    assert "test queries" in page
    assert "150 pairs" in page
    assert "textladder search" in page


def test_sif_of_given_vectors_is_the_formula_of_the_paper(file, tmp_path):
    """Nothing is trained: weights a / (a + p), the mean, the first component removed, by numpy alone."""
    rng = np.random.default_rng(0)
    words = [word.lower() for pair in WORDS.items() for word in pair]
    table = {word: rng.normal(size=6) for word in words}
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in table.items()), "utf-8")
    told = begun(
        *(file, tmp_path / "run", "--vectors", path, "--json"),
        rung="sif",
        encoder__dim=6,
        training__freeze_embedding="true",
    )
    assert told.code == 0, told.err
    scores = json.loads(told.out)
    assert (scores["stopped"], scores["epochs"]) == ("nothing to train", 0)
    assert "nothing to train  dev mrr" in told.err
    model = Model.load(tmp_path / "run")
    stored = model.encoder.embedding.weight.detach().numpy()
    rows = dict(zip(model.tokenizer.vocabulary, stored, strict=False))
    assert all(rows[word] == pytest.approx(table[word], abs=1e-5) for word in words)
    tested = {
        json.loads(line)["text"] for line in (tmp_path / "run" / "predictions.jsonl").open(encoding="utf-8")
    }
    assert tested
    texts = [text.lower().split() for pair in facts(200) for text in pair]
    weights = dict(zip(model.tokenizer.vocabulary, model.encoder.row_weights.tolist(), strict=False))
    # The paper's p(w), by what training saw of each word: a / (a + p) falls where words are frequent.
    p = {word: 1e-3 / weights[word] - 1e-3 for word in words}
    assert sum(p.values()) == pytest.approx(1, abs=1e-4)
    shares = {word: sum(text.count(word) for text in texts) / sum(map(len, texts)) for word in words}
    assert [p[word] for word in words] == pytest.approx([shares[word] for word in words], abs=0.03)
    raw = np.array([np.mean([weights[word] * table[word] for word in text], axis=0) for text in texts])
    (component,) = model.task.components.numpy().astype(np.float64)
    assert abs(component @ np.linalg.svd(raw)[2][0]) > 0.95  # fitted on most of these texts
    expected = raw - raw @ component[:, None] * component
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert model.predict([" ".join(text) for text in texts]) == pytest.approx(expected, abs=1e-4)


def test_rungs_and_look(file):
    listed = json.loads(textladder("rungs", "--task", "embed", "--json").out)["rungs"]
    assert [entry["rung"] for entry in listed] == RUNGS
    assert all(entry["parameters"] > 1000 and "http" in entry["source"] for entry in listed)
    looked = textladder("look", file, "--task", "embed")
    assert looked.code == 0, looked.err
    assert "200 pairs" in looked.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["", "--top", "1"], "query: it is empty"),
        (["dog", "--overwrite"], "no --index to make anew"),
        (["dog", "--queries", "q.txt"], "a query is given as well"),
        (["dog", "--text", "nothing"], "there is no column 'nothing'"),
    ],
)
def test_wrong_questions(run, corpus, words, said):
    refused(textladder("search", run[0], corpus, *words), said)


def test_wrong_corpora_and_models(run, corpus, trained, tmp_path):
    refused(textladder("search", trained, corpus, "dog"), "trained for the task classify", "--task embed")
    refused(textladder("predict", trained, corpus, "--out", tmp_path / "v.npy"), "makes no vectors of texts")
    refused(textladder("search", run[0], tmp_path / "none.txt", "dog"), "none.txt")
    blank = tmp_path / "blank.txt"
    blank.write_text("\n  \n", encoding="utf-8")
    refused(textladder("search", run[0], blank, "dog", "--index", tmp_path / "i"), "it holds no text")
    assert not (tmp_path / "i").exists()
    blank.write_text("", encoding="utf-8")
    assert textladder("search", run[0], blank, "dog").code == 2
    told = textladder("search", run[0], corpus, "--top", "1", stdin="dog\n\n")
    assert told.code == 2
    assert "query 2: it is empty" in told.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "task.loss=cosine"], "all texts get one vector"),
        (["--set", "task.metric=pearson"], "pearson is of scores"),
        (["--set", "task.kind=labels"], "not plain which label"),
        (["--set", "encoder.smoothing=0"], "encoder.smoothing"),
        (["--set", "encoder.weighting=bayes", "--rung", "bow"], "weighs words by the labels"),
        (["--rung", "mlp"], "there is no rung 'mlp'"),
    ],
)
def test_wrong_settings_are_told(file, tmp_path, more, said):
    refused(begun(file, tmp_path / "r", *more), said)


def test_wrong_pairs_are_named_by_line(file, tmp_path):
    rows = labelled(40)
    empty = written(tmp_path / "e.jsonl", [*rows, {"text_a": "one", "text_b": "", "label": "entailment"}])
    refused(begun(empty, tmp_path / "r"), "line 41", "'text_b' is empty", "data.empty=drop")
    rows[3]["score"] = "high"
    words = written(tmp_path / "w.jsonl", rows)
    refused(begun(words, tmp_path / "r", "--label", "score"), "w.jsonl:4", "'high' is not a number")
    del rows[5]["label"]
    refused(
        begun(written(words, rows), tmp_path / "r"), "line 6", "the label is empty", "data.unlabelled=drop"
    )
    odd = [row | {"label": "near" if n % 2 else "far"} for n, row in enumerate(rows)]
    refused(begun(written(words, odd), tmp_path / "r"), "not plain which label", "task.close=LABEL")
    one = written(tmp_path / "one.jsonl", [{"text_a": "a", "text_b": "b"}])
    refused(begun(one, tmp_path / "r", "--dev", file, "--test", file), "one pair only")
    never = written(tmp_path / "n.jsonl", [row | {"label": "neutral"} for row in labelled(20)])
    good = written(tmp_path / "g.jsonl", labelled(40))
    refused(begun(good, tmp_path / "r", "--dev", never), "no pair has the label 'entailment'")
    refused(begun("languages", tmp_path / "r"), "one text a row")
