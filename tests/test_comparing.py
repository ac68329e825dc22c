"""What `compare` decides, on hand-made rows and with a simulated clock."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.inspection.synthetic import RUNGS, make
from textladder.comparing import (
    Job,
    Outcome,
    Row,
    best_on_dev,
    costs_of,
    drive,
    halving,
    learning_verdict,
    pareto,
    pick,
    plain,
    read_answers,
    side_by_side,
    significantly_worse,
    statistic_of,
    table,
)
from textladder.comparing.halving import count_rounds
from textladder.errors import Problem
from textladder.metrics.classification import confusion_matrix, counts_of_confusion, macro_f1


def row(rung: str, score: float, cost: float = 1.0, **more: object) -> Row:
    known = {"latency_p50_ms": cost, "training_seconds": cost, "size_mb": cost, "texts": 1000, **more}
    return Row(rung, (1,), "word", dev=score, score=score, interval=(score - 0.02, score + 0.02), **known)  # type: ignore[arg-type]


def behind(rung: str, score: float, cost: float, best: float, p: float) -> Row:
    gap = score - best
    return row(rung, score, cost, difference=gap, difference_interval=(gap - 0.02, gap + 0.02), p=p)


# --- the pick ---


def test_picks_the_cheapest_that_is_not_significantly_worse() -> None:
    rows = [
        behind("bow", 0.70, 1, 0.80, 0.001),
        behind("ngrams", 0.79, 2, 0.80, 0.4),
        row("bilstm", 0.80, 20),
    ]
    chosen = pick(rows, "bilstm", metric="accuracy")
    assert chosen.rung == "ngrams"
    assert chosen.costs == pytest.approx({"bow": 1, "ngrams": 2, "bilstm": 20})
    for figure in ("10 times", "0.790", "0.800", "-0.010 [-0.030, +0.010]", "p = 0.40", "1,000 test texts"):
        assert figure in chosen.reason
    # An interval of ± 0.02 is 1.96 standard errors; 80 % power needs 2.8 of them.
    assert chosen.detectable == pytest.approx(2.8 * 0.02 / 1.96)


def test_the_best_is_picked_when_every_cheaper_one_is_worse() -> None:
    rows = [behind("bow", 0.70, 1, 0.80, 0.001), behind("cnn", 0.76, 3, 0.80, 0.02), row("bilstm", 0.80, 20)]
    chosen = pick(rows, "bilstm")
    assert chosen.rung == "bilstm"
    assert "cnn, the nearest of 2, by 0.040 (p = 0.020)" in chosen.reason


def test_the_best_is_picked_when_it_is_the_cheapest() -> None:
    chosen = pick([row("bow", 0.8, 1), behind("cnn", 0.79, 5, 0.8, 0.5)], "bow", metric="accuracy")
    assert chosen.rung == "bow"
    assert "no rung is cheaper" in chosen.reason


def test_a_single_rung_is_picked_and_said_to_be_alone() -> None:
    chosen = pick([row("bow", 0.8)], "bow")
    assert (chosen.rung, chosen.costs) == ("bow", {"bow": 1.0})
    assert "only rung" in chosen.reason


def test_of_equally_cheap_rungs_the_better_on_dev_is_picked() -> None:
    rows = [behind("a", 0.78, 1, 0.80, 0.3), behind("b", 0.79, 1, 0.80, 0.6), row("best", 0.80, 1)]
    assert pick(rows, "best").rung == "best"
    assert pick([*rows[:2], row("best", 0.80, 9)], "best").rung == "b"


def test_lower_can_be_better() -> None:
    rows = [behind("bow", 1.5, 1, 1.0, 0.001), row("lstm", 1.0, 9)]
    assert pick(rows, "lstm", higher_is_better=False).rung == "lstm"
    assert not significantly_worse(rows[0], higher_is_better=True)
    assert best_on_dev(rows, higher_is_better=False) == "lstm"


def test_significantly_better_on_test_than_the_best_on_dev_is_no_reason_against() -> None:
    lucky = behind("bow", 0.84, 1, 0.80, 0.001)
    assert not significantly_worse(lucky)
    assert pick([lucky, row("best", 0.80, 5)], "best").rung == "bow"


def test_nothing_to_pick_from_is_a_problem() -> None:
    with pytest.raises(Problem, match="no rung to pick"):
        pick([], "bow")


def test_cost_is_the_geometric_mean_of_ratios() -> None:
    a = row("a", 0.8, latency_p50_ms=1.0, training_seconds=10.0, size_mb=4.0)
    b = row("b", 0.8, latency_p50_ms=2.0, training_seconds=5.0, size_mb=32.0)
    assert costs_of([a, b]) == pytest.approx({"a": 2 ** (1 / 3), "b": 16 ** (1 / 3)})
    unknown = row("c", 0.8, latency_p50_ms=1.0, training_seconds=None, size_mb=4.0)
    assert costs_of([a, unknown]) == pytest.approx({"a": 1.0, "c": 1.0})


def test_costs_below_what_matters_are_alike() -> None:
    costs = costs_of([row("a", 0.8, 0.001), row("b", 0.8, 0.01)])
    assert costs["a"] == pytest.approx(costs["b"])


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=12))
def test_pareto_front_against_its_definition(points: list[tuple[int, int]]) -> None:
    rows = [row(str(i), score / 10, cost) for i, (score, cost) in enumerate(points)]
    front = {r.rung for r in pareto(rows, "size_mb")}
    for i, (score, cost) in enumerate(points):
        beaten = any(s >= score and c <= cost and (s, c) != (score, cost) for s, c in points)
        assert (str(i) in front) == (not beaten)
    prices = [r.size_mb for r in pareto(rows, lambda r: r.size_mb)]
    assert prices == sorted(prices)


def test_rows_without_the_cost_are_on_no_front() -> None:
    assert pareto([row("a", 0.9, size_mb=None), row("b", 0.8)], "size_mb")[0].rung == "b"


# --- sharing a budget ---


class Clock:
    """Rungs that reach `limit` with a speed; the clock is the sum of the seconds asked for."""

    def __init__(self, limits: dict[str, float], overrun: float = 1.0, needs: float = math.inf) -> None:
        self.limits, self.overrun, self.needs = limits, overrun, needs
        self.had = dict.fromkeys(limits, 0.0)
        self.jobs: list[Job] = []

    def train(self, job: Job) -> Outcome:
        self.jobs.append(job)
        assert job.resume == (self.had[job.rung] > 0)
        seconds = min(job.seconds * self.overrun, self.needs - self.had[job.rung])
        self.had[job.rung] += seconds
        score = self.limits[job.rung] * (1 - math.exp(-self.had[job.rung]))
        return Outcome(score, seconds, finished=self.had[job.rung] >= self.needs)


TEN = {f"r{i}": 0.5 + 0.04 * i for i in range(10)}


def test_halving_keeps_the_best_and_spends_the_budget() -> None:
    clock = Clock(TEN)
    result = drive(halving(list(TEN), 100.0), clock.train)
    assert result.survivors == ("r9", "r8")
    assert sum(clock.had.values()) == pytest.approx(100.0)
    assert [len([j for j in clock.jobs if j.round == n]) for n in (1, 2, 3, 4)] == [10, 5, 3, 2]
    assert result.seconds["r0"] == pytest.approx(2.5)  # a tenth of a quarter
    assert set(result.stopped) == {f"r{i}" for i in range(8)}
    assert result.stopped["r0"].startswith("stopped after round 1 (2.5 s): dev 0.459, behind r9 by 0.330")
    assert "round 3" in result.stopped["r7"]


@given(
    st.integers(1, 12),
    st.floats(0.5, 1000),
    st.floats(0.2, 1.0),
    st.floats(0.1, 50),
    st.randoms(use_true_random=False),
)
def test_halving_never_asks_for_more_than_the_budget(rungs, budget, overrun, needs, random) -> None:  # type: ignore[no-untyped-def]
    clock = Clock({f"r{i}": random.random() for i in range(rungs)}, overrun=overrun, needs=needs)
    result = drive(halving(list(clock.limits), budget), clock.train)
    assert sum(clock.had.values()) <= budget * (1 + 1e-9)
    assert len(result.survivors) == min(rungs, 2)
    assert set(result.survivors) | set(result.stopped) == set(clock.limits)
    assert not set(result.survivors) & set(result.stopped)


def test_an_overrun_is_taken_from_those_that_follow() -> None:
    clock = Clock(TEN, overrun=1.5)
    drive(halving(list(TEN), 100.0), clock.train)
    # Only the very last job can run over the whole.
    assert sum(clock.had.values()) <= 100.0 + clock.jobs[-1].seconds * 0.5 + 1e-9


def test_time_that_finished_rungs_did_not_need_goes_to_the_others() -> None:
    asked = {}

    def train(job: Job) -> Outcome:
        asked.setdefault(job.rung, []).append(job.seconds)
        quick = job.rung == "bow"
        return Outcome(0.9 if quick else 0.5, 1.0 if quick else job.seconds, finished=quick)

    result = drive(halving(["bow", "lstm"], 60.0), train)
    assert asked == {"bow": [30.0], "lstm": [59.0]}
    assert result.survivors == ("bow", "lstm")


def test_a_failed_rung_is_stopped_with_its_reason_and_never_ranked() -> None:
    def train(job: Job) -> Outcome:
        bad = {"a": Outcome(None, 1.0, note="the loss is NaN"), "b": Outcome(math.nan, 1.0)}
        return bad.get(job.rung, Outcome(0.5, 1.0))

    result = drive(halving(["a", "b", "c"], 10.0), train)
    assert result.survivors == ("c",)
    assert result.stopped["a"] == "failed in round 1: the loss is NaN"
    assert "no dev score" in result.stopped["b"]


def test_a_rung_that_no_time_was_left_for_is_said_not_to_have_started() -> None:
    result = drive(halving(["a", "b", "c"], 1.0), lambda job: Outcome(0.5, 5.0))
    assert result.survivors == ("a",)
    assert result.stopped["c"].startswith("not started")


def test_lower_dev_scores_survive_where_lower_is_better() -> None:
    clock = Clock({"a": 1.0, "b": 2.0, "c": 3.0})
    assert drive(halving(list("abc"), 9.0, higher_is_better=False), clock.train).survivors == ("a", "b")


def test_budgets_and_names_that_make_no_sense() -> None:
    with pytest.raises(Problem, match="no time"):
        next(halving(["a"], 0))
    with pytest.raises(Problem, match="twice"):
        next(halving(["a", "a"], 1))


@pytest.mark.parametrize(("rungs", "rounds"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (10, 4)])
def test_rounds(rungs: int, rounds: int) -> None:
    assert count_rounds(rungs) == rounds


# --- would more data help ---


def points(*scores: float, half: float) -> list[tuple[int, float, tuple[float, float]]]:
    return [(n, s, (s - half, s + half)) for n, s in zip((1000, 3000, 10_000), scores, strict=False)]


@pytest.mark.parametrize(
    ("given_points", "begins"),
    [
        (points(0.70, 0.75, 0.80, half=0.01), "More data would probably help"),
        (points(0.70, 0.79, 0.79, half=0.003), "More data would hardly help"),
        (points(0.70, 0.75, 0.80, half=0.06), "More data may help"),
        (points(0.70, 0.80, 0.80, half=0.05), "Whether more data would help cannot be told"),
        (points(0.70, half=0.01), "Only one size"),
    ],
)
def test_learning_verdict(given_points: list[tuple[int, float, tuple[float, float]]], begins: str) -> None:
    assert learning_verdict(given_points).startswith(begins)
    assert learning_verdict(given_points[::-1]) == learning_verdict(given_points)


def test_learning_verdict_for_a_loss() -> None:
    falling = points(3.0, 2.5, 2.0, half=0.01)
    assert "probably help" in learning_verdict(falling, higher_is_better=False)
    assert "hardly help" in learning_verdict(falling, higher_is_better=True)


# --- from run folders ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare")
    make(path, seeds=2, texts=120)
    return path


def test_rows_say_what_the_runs_say(folder: Path) -> None:
    comparison = json.loads((folder / "compare.json").read_text("utf-8"))
    assert [r["rung"] for r in comparison["rows"]] == list(RUNGS)
    for one in comparison["rows"]:
        runs = [json.loads((folder / f"runs/{one['rung']}-seed{k}/scores.json").read_text()) for k in (1, 2)]
        scores = [run["test"]["score"] for run in runs]
        assert one["score"] == pytest.approx(np.mean(scores))
        assert one["sd"] == pytest.approx(np.std(scores, ddof=1))
        assert one["interval"][0] <= one["score"] <= one["interval"][1]
        assert Row.from_dict(one).to_dict() == one
    best = next(r for r in comparison["rows"] if r["rung"] == comparison["best"])
    assert best["dev"] == max(r["dev"] for r in comparison["rows"])
    assert best["p"] is None
    for one in comparison["rows"]:
        if one is not best:
            assert one["difference"] == pytest.approx(one["score"] - best["score"])
            assert 0 < one["p"] <= 1
    assert (folder / comparison["pick"]["model"]).parent.is_dir()


def test_f1_over_seeds_is_the_mean_of_their_f1(folder: Path) -> None:
    files = [folder / f"runs/cnn-seed{k}/predictions.jsonl" for k in (1, 2)]
    labels = [
        e["label"]
        for e in json.loads((files[0].parent / "scores.json").read_text())["test"]["details"]["per_class"]
    ]
    expected = []
    for file in files:
        answers = list(read_answers(file))
        gold = np.array([labels.index(a.gold[0]) for a in answers])
        said = np.array([labels.index(a.predicted[0]) for a in answers])
        expected.append(float(macro_f1(counts_of_confusion(confusion_matrix(gold, said, len(labels))))))
    assert statistic_of(files, "macro_f1", labels).value == pytest.approx(np.mean(expected))


def test_multi_label_answers_are_sets(tmp_path: Path) -> None:
    file = tmp_path / "predictions.jsonl"
    lines = [
        {"where": "a:1", "text": "x", "labels": ["a", "b"], "predicted": ["b", "a"]},
        {"where": "a:2", "text": "y", "labels": ["a"], "predicted": []},
        {"where": "a:3", "text": "z", "labels": [], "predicted": []},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert statistic_of([file], "subset_accuracy", ["a", "b"]).value == pytest.approx(2 / 3)
    assert statistic_of([file], "micro_f1", ["a", "b"]).value == pytest.approx(2 * 2 / (2 + 3))


def test_a_metric_that_cannot_be_paired_is_a_problem(folder: Path) -> None:
    with pytest.raises(Problem, match="roc_auc"):
        statistic_of([folder / "runs/cnn-seed1/predictions.jsonl"], "roc_auc", [])


def test_different_test_texts_are_a_problem(folder: Path, tmp_path: Path) -> None:
    file = folder / "runs/cnn-seed1/predictions.jsonl"
    short = tmp_path / "short.jsonl"
    short.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    with pytest.raises(Problem, match="same texts"):
        list(side_by_side({"a": file, "b": short}, read_answers))
    short.write_text("{}\n")
    with pytest.raises(Problem, match="line 1"):
        list(read_answers(short))
    with pytest.raises(Problem, match="cannot be read"):
        list(read_answers(tmp_path / "missing.jsonl"))


def test_the_table_tells_the_same_as_plain_text_and_for_a_terminal(folder: Path) -> None:
    comparison = json.loads((folder / "compare.json").read_text("utf-8"))
    comparison["stopped"] = {"[red]rnn[/]": "failed: [bold]NaN[/bold]"}
    text = plain(comparison)
    screen = io.StringIO()
    Console(file=screen, width=260).print(table(comparison))
    for shown in (text, screen.getvalue()):
        for rung in [*RUNGS, "[red]rnn[/]", "failed: [bold]NaN[/bold]"]:
            assert rung in shown
        assert "2,100,005" in shown
        assert shown.count("➤") == 2  # the row and the legend
        assert "±" in shown
