"""Taggers from a file to predictions: the commands, the run folder, and the estimator."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace

import pytest
import torch

from tests.program import refused, textladder
from textladder import Problem, TokenTagger
from textladder.comparing.answers import read_answers, statistic_of
from textladder.inspection.findings import find
from textladder.inspection.pieces import examples as quotations
from textladder.metrics.tagging import HEADLINES
from textladder.model import Model
from textladder.preparing import meant_for

FIRST = ["Ada", "Bob", "Eve", "Kim"]
PLACES = ["Rome", "New York", "Oslo", "Rio"]
RUNGS = ["window", "cnn", "bilstm", "bilstm-crf", "attention"]


def sentences(number, seed=0):
    """(words, BIO tags) of invented sentences in which names are told by what stands around them."""
    draw = random.Random(seed)
    found = []
    for _ in range(number):
        who, where = draw.choice(FIRST), draw.choice(PLACES).split()
        words = [who, draw.choice(["lives", "works"]), "in", *where, draw.choice([".", "!"])]
        tags = ["B-PER", "O", "O", "B-LOC", *["I-LOC"] * (len(where) - 1), "O"]
        if draw.random() < 0.3:
            words, tags = ["so", *words], ["O", *tags]
        found.append((words, tags))
    return found


def written(path, rows):
    text = "\n".join("".join(f"{w}\t{t}\n" for w, t in zip(*row, strict=True)) for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


SMALL = [
    *("--set", "training.max_steps=80", "--set", "training.min_steps=0"),
    *(
        "--set",
        "encoder.embedding_dim=16",
        "--set",
        "training.learning_rate=0.01",
        "--set",
        "training.epochs=20",
    ),
]


def begun(file, folder, *more):
    return textladder("train", file, "--task", "tag", "--rung", "window", "--out", folder / "r", *more)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return written(tmp_path_factory.mktemp("names") / "names.conll", sentences(80))


@pytest.fixture(scope="module")
def run(names):
    """A trained folder, and what the command said."""
    out = names.parent / "run"
    told = textladder("train", names, "--task", "tag", "--rung", "bilstm-crf", "--out", out, *SMALL, "--json")
    assert told.code == 0, told.err
    return out, json.loads(told.out), told.err


def test_training_says_what_it_read_and_how_good_it_is(run):
    out, scores, err = run
    assert "names.conll is read as conll." in err
    assert "IOB2" in err
    assert scores["task"] == "tag"
    assert scores["metric"] == "span_f1"
    test = scores["test"]
    assert test["score"] > 0.9
    assert test["interval"][0] <= test["score"] <= test["interval"][1]
    assert "rule=conlleval" in test["signature"]
    assert "bootstrap" in test["signature"]
    assert {entry["label"] for entry in test["details"]["per_class"]} == {"LOC", "PER"}
    assert test["scores"].keys() >= {"span_precision", "span_recall", "token_accuracy", "sentence_accuracy"}
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == test["count"]
    for line in lines:
        for start, end, label in line["gold"]:
            assert line["text"][start:end] in (FIRST if label == "PER" else PLACES)


def test_the_ending_of_a_file_says_that_its_tokens_are_tagged(names, tmp_path):
    told = textladder("train", names, "--out", tmp_path / "run", "--set", "training.max_steps=2", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["task"] == "tag"
    unknown = textladder("compare", names, "--out", tmp_path / "compared", "--rungs", "windo")
    refused(unknown, "there is no rung 'windo' for the task tag", "Did you mean window?")
    for name in ("a.conllu", "a.CONLL.gz", "a.iob", "a.bio.zst"):
        assert meant_for(name) == "tag"
    for name in ("a.csv", "a.jsonl", "conll", "a.conll.csv", "languages"):
        assert meant_for(name) == "classify"


def test_predictions_as_lines_and_as_json(run):
    out = run[0]
    said = textladder("predict", out, "-", stdin="Ada lives in New York !\n\nEve works in Rome .\n")
    assert said.code == 0, said.err
    first = said.out.split("\n\n")[0]
    assert [line.split("\t")[0] for line in first.splitlines()] == ["Ada", "lives", "in", "New", "York", "!"]
    tags = [line.split("\t")[1] for line in first.splitlines()]
    assert tags == ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"]
    record = json.loads(textladder("predict", out, "-", "--json", stdin="Ada lives in New York !").out)
    (one,) = record["predictions"]
    assert [(span["text"], span["label"]) for span in one["spans"]] == [("Ada", "PER"), ("New York", "LOC")]
    for span in one["spans"]:
        assert one["text"][span["start"] : span["end"]] == span["text"]
        assert 0 < span["confidence"] <= 1


def test_what_a_document_said_before_is_read(tmp_path):
    """The tag of "it" is told by the sentence before alone."""
    draw = random.Random(0)
    rows = []
    for number in range(120):
        animal = draw.choice(["cat", "dog"])
        rows.append(f"-DOCSTART-\tX\n\na\tDET\n{animal}\tNOUN\n\nit\t{animal}\n{number}\tNUM\n")
    file = tmp_path / "it.conll"
    file.write_text("\n".join(rows), encoding="utf-8")
    told = begun(file, tmp_path, *SMALL, "--set", "data.context=2", "--json")
    assert told.code == 0, told.err
    assert "120 documents" in told.err
    test = json.loads(told.out)["test"]
    assert test["scores"]["token_accuracy"] == 1
    new = tmp_path / "new.conll"
    new.write_text("a\ncat\n\nit\n5\n\n-DOCSTART-\n\na\ndog\n\nit\n5\n", encoding="utf-8")
    said = textladder("predict", tmp_path / "r", new)
    assert [line.split("\t")[1] for line in said.out.splitlines() if line.startswith("it")] == ["cat", "dog"]
    assert textladder("predict", tmp_path / "r", "-", stdin="it 5\n").code == 0, "a line has no document"


def test_the_best_taggings_of_a_text(run):
    tagger = TokenTagger.load(run[0])
    best = tagger.n_best("Ada lives in New York !", 4)
    shares = [share for share, _ in best]
    assert len(best) == 4
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-6
    assert [span[:3] for span in best[0][1]] == [
        span[:3] for span in tagger.predict(["Ada lives in New York !"])[0]
    ]
    with pytest.raises(Problem, match="no tokens"):
        tagger.n_best("")


def test_batches_side_by_side_say_the_same(run):
    """Whatever the number of threads and the size of batches."""
    tagger, texts = TokenTagger.load(run[0]), [words for words, _ in sentences(30, seed=2)]
    wanted = tagger.predict(texts)
    tagger.model_.encoder.predict_units = 16  # so that there are many
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        found = tagger.predict(texts)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(wanted, found, strict=True):
        assert [span[:3] for span in one] == [span[:3] for span in other]
        assert [s.confidence for s in one] == pytest.approx([s.confidence for s in other], abs=1e-4)


def test_predicting_a_file_of_tokens_keeps_them(run, tmp_path):
    path = written(tmp_path / "more.conll", sentences(3, seed=9))
    said = textladder("predict", run[0], path)
    assert [line.split("\t")[0] for line in said.out.split("\n") if line] == [
        word for words, _ in sentences(3, seed=9) for word in words
    ]


def test_evaluating_counts_labels_that_were_never_seen(run, names, tmp_path):
    said = json.loads(textladder("evaluate", run[0], names, "--json").out)
    assert said["score"] > 0.9
    rows = [*sentences(20, seed=3), (["on", "Monday"], ["O", "B-DAY"])]
    path = written(tmp_path / "odd.conll", rows)
    told = json.loads(textladder("evaluate", run[0], path, "--json").out)
    assert told["details"]["unseen_labels"] == ["DAY"]
    assert told["notes"] == [
        "odd.conll is read as conll.",
        "The tags of odd.conll are read as IOB2 (BIO).",
        "odd.conll: 1 spans have labels that no training text has: 'DAY' (1).",
    ]
    day = told["details"]["per_class"][-1]
    assert (day["label"], day["support"], day["f1"]) == ("DAY", 1, 0.0)
    assert "span_f1" in textladder("evaluate", run[0], path).out


def test_evaluating_says_what_was_mended_and_left_out(run, tmp_path):
    path = written(tmp_path / "bare.conll", [*sentences(20, seed=4), (["in", "Oslo"], ["O", "I-LOC"])])
    told = textladder("evaluate", run[0], path)
    assert "IOB2 (BIO). 1 illegal transitions were repaired by the rule of conlleval." in told.out
    lines = [
        {"text": "Ada lives in Rome", "spans": [[0, 3, "PER"], [13, 15, "LOC"]]},
        {"text": "", "spans": []},
    ]
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    told = textladder("evaluate", run[0], path, "--set", "data.misplaced=drop")
    assert told.code == 0, told.err
    assert "1 spans that do not lie on tokens were left out." in told.out
    assert "1 texts without a token were skipped." in told.out
    said = json.loads(textladder("predict", run[0], path, "--json").out)["predictions"]
    assert [one["text"] for one in said] == ["Ada lives in Rome", ""], "an answer for each row"


def test_a_saved_tagger_says_the_same_and_one_text_is_no_other_in_a_batch(run):
    texts = [" ".join(words) for words, _ in sentences(12, seed=5)]
    tagger = TokenTagger.load(run[0])
    together = tagger.predict(texts)
    for text, spans in zip(texts, together, strict=True):
        (alone,) = tagger.predict([text])
        assert [span[:3] for span in alone] == [span[:3] for span in spans]
        assert [span.confidence for span in alone] == pytest.approx([s.confidence for s in spans], abs=1e-4)
    assert Model.load(run[0]).task.present(tagger.model_.predict([]), []) == []


def test_a_sentence_longer_than_a_model_reads_is_tagged_whole(names, tmp_path):
    """A net that sees five words gives the same tags in windows of forty as in one."""
    told = textladder(
        *("train", names, "--task", "tag", "--rung", "window", "--out", tmp_path / "run"),
        *(*SMALL, "--set", "tokenizer.max_length=40", "--set", "task.output=softmax"),
    )
    assert told.code == 0, told.err
    tagger = TokenTagger.load(tmp_path / "run")
    rows = sentences(2000, seed=4)
    words = [word for row, _ in rows for word in row]
    assert len(words) > 10_000
    (found,) = tagger.predict([words])
    (in_parts,) = tagger.predict_tags([words])
    tokenizer = tagger.model_.tokenizer
    tokenizer.config = replace(tokenizer.config, max_length=20_000)
    (whole,) = tagger.predict_tags([words])
    assert in_parts == whole
    text = " ".join(words)
    assert all(text[span.start : span.end] in [*FIRST, *PLACES] for span in found if span.confidence > 0.9)
    assert len(found) > 3000


@pytest.mark.parametrize("units", ["character", "bpe", "word"])
def test_other_units(names, tmp_path, units):
    told = textladder(
        *("train", names, "--task", "tag", "--rung", "window", "--units", units, "--out", tmp_path / "run"),
        *(*SMALL, "--set", "tokenizer.vocabulary_size=300", "--json"),
    )
    assert told.code == 0, told.err
    assert json.loads(told.out)["test"]["score"] > 0.8


def test_parts_of_speech(tmp_path):
    rows = [
        (words, [word.upper()[:2] if n % 2 else "X" for n, word in enumerate(words)])
        for words, _ in sentences(60)
    ]
    told = textladder(
        *("train", written(tmp_path / "p.conll", rows), "--task", "tag", "--rung", "cnn"),
        *("--out", tmp_path / "run", *SMALL, "--json"),
    )
    assert told.code == 0, told.err
    scores = json.loads(told.out)
    assert scores["metric"] == "token_accuracy"
    assert "span_f1" not in scores["test"]["scores"]
    assert scores["test"]["score"] > 0.5


def test_word_vectors_from_a_file(names, tmp_path):
    words = [word.lower() for word in (*FIRST, "Rome", "lives")]
    table = {word: [float(n), 1.0, -0.5, 2.0] for n, word in enumerate(words)}
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in table.items()), "utf-8")
    few = ("--set", "training.max_steps=2", "--set", "encoder.embedding_dim=4")
    told = begun(names, tmp_path, "--vectors", path, *few, "--set", "training.freeze_embedding=true")
    assert told.code == 0, told.err
    model = Model.load(tmp_path / "r")
    rows = dict(zip(model.tokenizer.vocabulary, model.encoder.embedding.weight.tolist(), strict=False))
    assert all(rows[word] == pytest.approx(table[word]) for word in words)


def test_what_compare_reads_of_a_run_and_shows_of_it(run):
    """The same scores from predictions.jsonl alone; the gold spans of errors marked in the text."""
    out, scores, _ = run
    path = out / "predictions.jsonl"
    for metric in HEADLINES:
        value = scores["test"]["scores"][metric]
        assert statistic_of([path], metric, []).value == pytest.approx(value)
    answers = [replace(answer, predicted=(), said=()) for answer in read_answers(path)]
    found = find(({"window": answer} for answer in answers), ["window"], examples=len(answers))
    assert len(found.hardest) == len(answers)
    for finding in found.hardest:
        shown = [re.sub("<[^>]*>", "", part) for part in re.findall("<mark.*?</mark>", quotations([finding]))]
        for gold in finding.gold:
            assert any(part.startswith(gold.partition(" [")[0]) for part in shown), gold


def test_misplaced_spans_are_listed_in_the_folder_of_the_run(tmp_path):
    rows = [{"text": "Ada lives in New York .", "spans": [[0, 3, "PER"], [13, 18, "LOC"]]} for _ in range(9)]
    path = tmp_path / "wrong.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    refused(begun(path, tmp_path), "9 spans do not lie on tokens", "and 6 more", "misplaced-train.jsonl")
    listed = (tmp_path / "r" / "misplaced-train.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["nearest"] for line in listed] == [[13, 21, "LOC"]] * 9


def test_rungs_and_look(names):
    listed = json.loads(textladder("rungs", "--task", "tag", "--json").out)["rungs"]
    assert [entry["rung"] for entry in listed] == RUNGS
    assert all(entry["parameters"] > 1000 and "http" in entry["source"] for entry in listed)
    looked = textladder("look", names)
    assert looked.code == 0, looked.err
    assert "2 labels" in looked.out
    assert "IOB2" in looked.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--column", "7"], "'7' is no column"),
        (["--set", "tokenizer.overlong=head", "--set", "tokenizer.max_length=4"], "every token needs a tag"),
        (["--set", "task.kind=tags", "--set", "task.metric=span_f1"], "some tokens have no tag"),
        (["--set", "task.output=crf", "--set", "task.label_smoothing=0.1"], "a CRF has no use for it"),
        (["--set", "data.format=csv"], "has no tagged tokens"),
        (["--rung", "bow"], "there is no rung 'bow'"),
    ],
)
def test_wrong_input_is_told(names, tmp_path, more, said):
    refused(
        textladder("train", names, "--task", "tag", "--rung", "window", "--out", tmp_path / "r", *more), said
    )


def test_files_without_tags_and_data_without_tokens_are_refused(tmp_path):
    path = tmp_path / "plain.conll"
    path.write_text("a\nb\n", encoding="utf-8")
    refused(
        textladder("train", path, "--task", "tag", "--rung", "window", "--out", tmp_path / "r"), "one column"
    )
    refused(
        textladder("train", "languages", "--task", "tag", "--rung", "window", "--out", tmp_path / "r"),
        "no tagged tokens",
    )
    path = written(tmp_path / "o.conll", [(words, ["O"] * len(words)) for words, _ in sentences(20)])
    refused(
        textladder("train", path, "--task", "tag", "--rung", "window", "--out", tmp_path / "r"),
        "the only label",
    )


def test_the_estimator():
    rows = sentences(60)
    texts = [" ".join(words) for words, _ in rows]
    spans = []
    for words, tags in rows:
        text = " ".join(words)
        name = words[tags.index("B-PER")]
        spans.append([(text.index(name), text.index(name) + len(name), "PER")])
    settings = {"training.max_steps": 60, "training.min_steps": 0, "training.learning_rate": 0.01}
    tagger = TokenTagger("window", settings=settings).fit(texts, spans)
    assert list(tagger.classes_) == ["PER"]
    (found,) = tagger.predict(["Kim lives in Oslo ."])
    assert [span[:3] for span in found] == [(0, 3, "PER")]
    (found,) = tagger.predict([["Kim", "lives", "in", "Oslo", "."]])
    assert [span[:3] for span in found] == [(0, 3, "PER")]
    assert tagger.score(texts, spans) > 0.9
    tagged = TokenTagger("window", settings=settings).fit([w for w, _ in rows], [t for _, t in rows])
    assert tagged.predict_tags([["Kim", "lives", "in", "Oslo", "."]]) == [["B-PER", "O", "O", "B-LOC", "O"]]


def test_the_estimator_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="X is one text"):
        TokenTagger().fit("a text", [])
    with pytest.raises(Problem, match="nearest"):
        TokenTagger("window").fit(["London is big"] * 4, [[(0, 3, "LOC")]] * 4)
    with pytest.raises(Problem, match="no such folder"):
        TokenTagger.load("nowhere")
