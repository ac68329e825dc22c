"""The page: one file, nothing loaded from elsewhere, everything escaped, all sections there."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.inspection.synthetic import LABELS, make
from textladder.comparing import Answer
from textladder.comparing.answers import Mark
from textladder.errors import Problem
from textladder.inspection import figures
from textladder.inspection.findings import Finding, find
from textladder.inspection.page import EXAMPLES, gather, most_confused, write_page
from textladder.inspection.pieces import examples, marked, seen
from textladder.inspection.sections import build
from textladder.wording import named

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects tags and attributes; fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: dict[str, str] = {}
        self.script = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.script = dict(attrs).get("id") or "code" if tag == "script" else ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.script = ""

    def handle_data(self, data: str) -> None:
        if self.script:
            self.scripts[self.script] = self.scripts.get(self.script, "") + data
        elif not self.open or self.open[-1] != "style":
            self.text.append(data)


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Reader]:
    folder = tmp_path_factory.mktemp("compare")
    comparison = make(folder)
    path = write_page(folder, comparison)
    return path, comparison, read(path)


def test_nothing_is_loaded_from_elsewhere(made: tuple[Path, dict[str, Any], Reader]) -> None:
    path, _, page = made
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes), "no handler in an attribute"
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?://|@import|url\(", path.read_text("utf-8"))
    assert path.stat().st_size < 2_300_000


def test_all_sections_are_there_and_linked(made: tuple[Path, dict[str, Any], Reader]) -> None:
    page = made[2]
    anchors = {a["id"] for t, a in page.tags if t == "section"}
    assert anchors == {
        "answer", "table", "cost", "learning", "data-size", "measures", "confusion", "labels", "calibration",
        "hardest", "disagreement", "data", "repeat", "environment",
    }  # fmt: skip
    assert {a["href"] for t, a in page.tags if t == "a"} == {f"#{anchor}" for anchor in anchors}


def test_texts_and_labels_are_escaped(made: tuple[Path, dict[str, Any], Reader]) -> None:
    path, _, page = made
    source = path.read_text("utf-8")
    assert "<script>alert" not in source
    assert "<b>bold" not in source
    assert LABELS[-1] in "".join(page.text)
    assert sum(t == "script" for t, _ in page.tags) == 3
    assert "Some Processor <8 cores>" in "".join(page.text)


def test_every_figure_asked_for_is_there(made: tuple[Path, dict[str, Any], Reader]) -> None:
    page = made[2]
    specs = json.loads(page.scripts["figures"])
    asked = {a["data-figure"] for _, a in page.tags if "data-figure" in a}
    asked |= {a["value"] for t, a in page.tags if t == "option"}
    assert asked <= set(specs)
    assert len([name for name in asked if str(name).startswith("confusion-")]) == 4
    for _, attributes in page.tags:
        if attributes.get("class") == "figure":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]


def test_plotly_is_there_once_and_whole(made: tuple[Path, dict[str, Any], Reader]) -> None:
    code = gzip.decompress(base64.b64decode(made[2].scripts["plotly"])).decode("utf-8")
    assert "Plotly" in code
    assert len(code) > 1_000_000


def test_the_answer_the_table_and_the_command(made: tuple[Path, dict[str, Any], Reader]) -> None:
    _, comparison, page = made
    text = "".join(page.text)
    assert comparison["pick"]["reason"] in text
    assert comparison["command"] in text
    assert comparison["stopped"]["rnn"] in text
    assert "12 exact duplicates were left out of train" in text
    assert "3 of train" in text  # texts cut
    assert "cnn: 5 epochs, best at 4, ended by the time limit – it was still getting better" in text
    assert "bow: 5 epochs, best at 4, ended by early stopping" in text
    rows = [
        a["data-value"] for t, a in page.tags if t == "th" and a.get("scope") == "row" and "data-value" in a
    ]
    assert rows == [r["rung"] for r in comparison["rows"]]


def test_the_table_that_sorts_has_a_value_in_every_cell(made: tuple[Path, dict[str, Any], Reader]) -> None:
    """A click on a heading reads a value of its column from each row; a stopped rung has none."""
    source = made[0].read_text("utf-8")
    (table,) = re.findall(r'<table class="sortable".*?</table>', source, re.S)
    ranked, stopped = re.findall(r"<tbody>(.*?)</tbody>", table, re.S)
    rows = ranked.split("</tr>")[:-1]
    assert [row.count("data-value=") for row in rows] == [table.count('scope="col"')] * 4
    assert "rnn" in stopped
    assert "rnn" not in ranked
    assert "tBodies[0]" in source


def test_examples_are_capped_and_long_texts_cut(tmp_path: Path) -> None:
    comparison = make(tmp_path, seeds=2, texts=600, curve=False)
    page = read(write_page(tmp_path, comparison))
    assert "each rung's first seed" in "".join(page.text)
    assert sum(t == "article" for t, _ in page.tags) <= 2 * EXAMPLES
    assert "data-size" not in {a.get("id") for _, a in page.tags}


def test_a_long_text_is_cut_and_says_so() -> None:
    said = Answer("f:1", "x" * 1000, ("a",), ("b",), 0.5)
    shown = examples([Finding("f:1", said.text, said.gold, {"bow": said})])
    assert "x" * 400 in shown
    assert "x" * 401 not in shown
    assert "600 characters more" in shown


def test_places_are_marked_in_their_text() -> None:
    text = "<Ada> lived in New York."
    found = marked(text, (Mark(15, 23),), (Mark(19, 24),))
    assert "&lt;Ada&gt; lived in <mark>New </mark><mark><u>York</u></mark><u>.</u></blockquote>" in found
    long = "x" * 1000 + "Ada" + "y" * 1000
    found = marked(long, (Mark(1000, 1003),), ())
    assert "<mark>Ada</mark>" in found
    assert "900 characters before" in found
    assert "703 characters more" in found


def test_marks_say_their_labels_and_how_sure_they_are() -> None:
    gold = Mark(0, 3, "PER"), Mark(13, 16, "<LOC>")
    right, wrong = Mark(0, 3, "PER", 0.8), Mark(13, 16, "ORG", 0.93)
    found = marked("Ada lived in Rio", gold, (right, wrong))
    assert '<mark title="gold: PER"><u title="predicted: PER (0.80)">Ada</u></mark><sub>' in found
    assert '<mark title="gold: &lt;LOC&gt;"><u title="predicted: ORG (0.93)">Rio</u></mark>' in found
    labels = re.findall("<sub>(.*?)</sub>", re.sub("</?bdi[^>]*>", "", found))
    assert labels == ["PER", "&lt;LOC&gt; <u>ORG</u>"], "one that is right is said once"


def test_errors_are_ordered_by_the_surest_span_that_is_wrong() -> None:
    gold = (Mark(0, 3, "PER"),)

    def answer(where: str, confidence: float, *said: Mark) -> dict[str, Answer]:
        named = tuple(f"{mark.start} {mark.label}" for mark in said)
        return {"a": Answer(where, "Ada at Rio", ("0 PER",), named, confidence, (3,), there=gold, said=said)}

    right = Mark(0, 3, "PER", 0.99)
    rows = [
        answer("unsure", 0.6, right, Mark(7, 10, "LOC", 0.6)),
        answer("sure", 0.2, Mark(0, 3, "PER", 0.2), Mark(7, 10, "LOC", 0.95)),
        answer("missed", 0.7),
        answer("right", 0.1, right),
    ]
    found = find(rows, ["a"]).hardest
    assert [one.where for one in found] == ["sure", "missed", "unsure"]
    shown = re.sub("</?bdi[^>]*>", "", examples(found))
    assert "a: 0 PER (0.20), 7 LOC (0.95)</li>" in shown
    assert "a: (none) (0.70)</li>" in shown


def test_of_tags_only_the_wrong_ones_are_shown() -> None:
    """Of spans all are, for those that are right tell where the others stand."""
    words, places = ("the", "old", "man"), (Mark(0, 3), Mark(4, 7), Mark(8, 11))

    def answer(tags: str, tokens: int) -> Answer:
        gold, said = (tuple(f"{w} {t}" for w, t in zip(words, ts, strict=True)) for ts in ("DAN", tags))
        return Answer("f:1", "the old man", gold, said, 0.5, (tokens, 2, 3, 3, 2), there=places, said=places)

    both = {"a": answer("DNN", 3), "b": answer("DAN", 3)}
    shown = examples([Finding("f:1", "the old man", both["a"].gold, both)])
    assert "the <mark><u>old</u></mark> man" in shown
    assert "the D" not in shown
    assert re.findall("aria-label=.([a-z]+)", shown) == ["wrong", "right"]
    spans = {"a": answer("DNN", 4)}
    shown = examples([Finding("f:1", "the old man", spans["a"].gold, spans)])
    assert "the D" in shown
    assert shown.count("<mark>") == 4, "three words and the key"


def test_one_rung_alone_has_a_page(tmp_path: Path) -> None:
    comparison = make(tmp_path, curve=False)
    comparison["runs"] = {"bow": comparison["runs"]["bow"]}
    comparison["rows"] = [r for r in comparison["rows"] if r["rung"] == "bow"]
    comparison["pick"]["rung"] = comparison["best"] = "bow"
    page = read(write_page(tmp_path, comparison))
    assert "disagreement" not in {a.get("id") for _, a in page.tags}


def test_lone_surrogates_can_be_written(tmp_path: Path) -> None:
    comparison = make(tmp_path, curve=False)
    for file in tmp_path.glob("runs/*/predictions.jsonl"):
        lines = file.read_text("utf-8").splitlines()
        broken = [json.dumps(json.loads(line) | {"text": "\ud800"}) for line in lines]
        file.write_text("\n".join(broken) + "\n", "utf-8")
    comparison["data"]["notes"] = ["a lone \udc00"]
    assert "a lone ?" in "".join(read(write_page(tmp_path, comparison)).text)


def test_a_missing_run_is_a_problem(tmp_path: Path) -> None:
    comparison = make(tmp_path, curve=False)
    (tmp_path / "runs/cnn-seed1/predictions.jsonl").unlink()
    with pytest.raises(Problem, match="cannot be read"):
        write_page(tmp_path, comparison)


def test_a_large_confusion_keeps_the_labels_with_most_errors() -> None:
    matrix = [[5, 0, 0], [0, 5, 2], [0, 1, 5]]
    labels, kept = most_confused({"labels": ["a", "b", "c"], "gold_by_predicted": matrix}, 2)
    assert labels == ["b", "c"]
    assert kept == [[5, 2], [1, 5]]


def test_figures_are_valid_plotly_and_keep_a_rungs_colour(made: tuple[Path, dict[str, Any], Reader]) -> None:
    comparison = made[1]
    rungs = [r["rung"] for r in comparison["rows"]]
    shown = figures.trade_off(comparison, "latency_p50_ms").to_dict()
    colours = {t["name"]: t["marker"]["color"] for t in shown["data"] if "marker" in t}
    assert colours == {rung: look["colour"] for rung, look in figures.style(rungs).items()}
    confusion = figures.confusion(["a", "b"], [[3, 1], [0, 4]]).to_dict()["data"][0]
    assert [list(r) for r in confusion["z"]] == [[0.75, 0.25], [0.0, 1.0]]


def test_equal_scores_are_not_shown_between_0_and_twice_as_much() -> None:
    points = [{"epoch": epoch, "seconds": 1.0, "dev_score": 1.0, "best": True} for epoch in (1, 2)]
    low, high = figures.learning({"bow": points}, "accuracy").layout.yaxis.range
    assert 0.9 < low < 1 < high < 1.1


def test_the_axis_of_scores_holds_the_intervals(made: tuple[Path, dict[str, Any], Reader]) -> None:
    rows = made[1]["rows"]
    low, high = figures.trade_off(made[1], "training_seconds").layout.yaxis.range
    assert low < min(row["interval"][0] for row in rows)
    assert max(row["interval"][1] for row in rows) < high


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.1, 1.6], ["0.1", "0.2", "0.5", "1", "2"]),
        ([3.0, 3.1], ["2", "5", "10"]),
        ([0.01, 5000.0], ["0.01", "0.1", "1", "10", "100", "1,000", "10,000"]),
    ],
)
def test_ticks_of_a_log_axis_are_whole_numbers(values: list[float], ticks: list[str]) -> None:
    points = [{"epoch": 1, "seconds": value, "dev_score": 0.5, "best": True} for value in values]
    axis = figures.learning({"bow": points}, "accuracy", "seconds").layout.xaxis
    assert list(axis.ticktext) == ticks
    assert axis.range[0] < math.log10(values[0])
    assert axis.range[1] > math.log10(values[-1])


def test_titles_keep_clear_of_long_names_and_cells_stay_wide_enough() -> None:
    """Plotly moves a title beyond the names at the ticks only where it has a standoff."""
    shown = figures.confusion(["a long name of a label"] * 30, [[1] * 30] * 30).to_dict()["layout"]
    assert shown["xaxis"]["title"]["standoff"] > 0
    assert shown["yaxis"]["title"]["standoff"] > 0
    assert shown["meta"]["least_width"] >= 30 * 24


def test_what_a_mark_says_names_the_unit_and_what_was_counted(
    made: tuple[Path, dict[str, Any], Reader],
) -> None:
    said = {
        cost: figures.trade_off(made[1], cost).to_dict()["data"][1]["hovertemplate"]
        for cost in figures.COST_TITLES
    }
    assert [told.removesuffix("<extra></extra>").split()[-1] for told in said.values()] == ["ms", "s", "MB"]
    shown = figures.wins(["bow", "cnn"], [[0, 3], [1, 0]], 4, "pairs").to_dict()["data"][0]
    assert "of the pairs" in shown["hovertemplate"]
    assert [list(row) for row in shown["z"]] == [[None, 0.75], [0.25, None]], "nothing of a rung and itself"


def test_every_measure_in_the_scores_of_a_rung_is_shown(made: tuple[Path, dict[str, Any], Reader]) -> None:
    path, comparison, page = made
    scores = json.loads(
        (path.parent / comparison["runs"]["bow"][0]["folder"] / "scores.json").read_text("utf-8")
    )
    said = " ".join(page.text)
    for key, value in scores["test"]["scores"].items():
        assert named(key) in said
        assert f"{value:.3f}" in said
    assert [named(key) for key in ("rouge_l", "macro_f1", "bleu")] == ["ROUGE L", "macro F1", "BLEU"]


def test_blank_units_and_empty_answers_are_named() -> None:
    """A translator of letters writes blanks, and one that has learned nothing writes nothing."""
    assert [seen(unit) for unit in (" ", "a b", "")] == ["␣", "a b", ""]
    said = Answer("dates:1", "4. 3. 1998", ("1998-03-04",), ("",), 0.1)
    told = examples(
        [Finding("dates:1", "4. 3. 1998", said.gold, {"gru": said})], gold=("reference", "references")
    )
    assert "gru: (nothing) (0.10)" in told
    assert "reference: <b>" in told


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("span", ["Texts read in windows", "new.json", "other.json", "The hardest test questions"]),
        ("translate", ["Texts cut because", "textladder translate", "worth a look at its reference"]),
    ],
)
def test_the_words_are_those_of_the_task(
    task: str, said: list[str], made: tuple[Path, dict[str, Any], Reader]
) -> None:
    path, comparison, _ = made
    material = gather(path.parent, {**comparison, "task": task})
    page = "".join(section.html for section in build(material, {}))
    for words in said:
        assert words in page
