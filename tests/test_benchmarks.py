"""The programs of the benchmarks: how figures become rows, how runs become tables. Nothing is timed here."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    child,
    data_set,
    harness,
    jobs,
    own_vectors,
    quality,
    quality_page,
    records,
    sets,
    speed,
)
from benchmarks.ours import attention, classify, data
from benchmarks.peers import crfsuite_tagger
from textladder import recipe


def test_medians_leave_out_failed_runs() -> None:
    runs = [{"seconds": 3.0, "precision": "float32"}, {"error": "killed"}, {"seconds": 1.0, "precision": "x"}]
    assert harness.medians(runs) == {"seconds": 2.0, "precision": "float32"}
    assert harness.medians([{"error": "killed"}]) == {"error": "killed"}


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (0.01234, "0.0123"), (12.34, "12.3"), (1234.5, "1,234"), (3e-5, "3.0e-05")]
)
def test_numbers_have_three_digits(value: float, said: str) -> None:
    assert harness.short(value) == said


def test_systems_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    def run_once(system: harness.System, threads: int) -> harness.Result:
        order.append(system.name)
        return {"seconds": len(order)}

    monkeypatch.setattr(harness, "run_once", run_once)
    found = harness.in_turns([harness.System("ours", "x"), harness.System("theirs", "y")], 2, 1)
    assert order == ["ours", "theirs", "ours", "theirs"]
    assert [run["seconds"] for run in found["theirs"]] == [2, 4]


def test_a_process_gives_its_figures_or_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "measured.py").write_text(
        "from benchmarks import child\n"
        "def job(number, fail=False):\n"
        "    print('noise')\n"
        "    if fail: raise ValueError('not so')\n"
        "    return {'twice': 2 * number, 'threads': child.threads(), 'late': child.since_start() > 0}\n"
        "child.run(job)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(harness, "ROOT", tmp_path)
    root = Path(child.__file__).parent.parent
    (tmp_path / "benchmarks").symlink_to(root / "benchmarks")
    found = harness.run_once(harness.System("some", "measured", {"number": 21}), threads=3)
    assert (found["twice"], found["threads"], found["late"]) == (42, 3, True)
    assert 1 < found["peak_memory_mb"] < 1000
    failed = harness.run_once(harness.System("some", "measured", {"number": 1, "fail": True}), threads=1)
    assert failed == {"error": "exit code 1: ValueError: not so"}


@pytest.mark.parametrize(
    ("better", "ours", "theirs", "met"),
    [
        ("lower", 1.0, 2.0, True),
        ("lower", 2.0, 1.0, False),
        ("higher", 2.0, 1.0, True),
        ("higher", 1.0, 2.0, False),
        ("equal", 2.0, 2.0, True),
        ("equal", 2.0, 1.0, False),
        ("equal", 1.0, 2.0, False),
    ],
)
def test_ratio_and_whether_it_is_met(better: str, ours: float, theirs: float, met: bool) -> None:
    line = jobs.Line("speed", "a", "rate", "texts/s", better, 1.0, "b")  # type: ignore[arg-type]
    row = line.row({"a": {"rate": ours}, "b": {"rate": theirs}})
    assert row["ratio"] == ours / theirs
    assert row["met"] is met


def test_speed_at_lower_accuracy_does_not_count() -> None:
    line = jobs.Line("speed", "a", "seconds", "s", "lower", 1.0, "b", quality=True)
    assert not line.row({"a": {"seconds": 1, "accuracy": 0.7}, "b": {"seconds": 2, "accuracy": 0.8}})["met"]
    assert line.row({"a": {"seconds": 1, "accuracy": 0.8}, "b": {"seconds": 2, "accuracy": 0.8}})["met"]


def test_a_figure_alone_is_judged_by_itself_and_a_failed_system_by_nothing() -> None:
    line = jobs.Line("latency", "a", "one_ms", "ms", "lower", 0.15, "b", reach_on="value")
    row = line.row({"a": {"one_ms": 0.1}, "b": {"error": "no such module"}})
    assert (row["met"], row["ratio"], row["errors"]) == (True, None, ["no such module"])
    assert line.row({"a": {"error": "killed"}, "b": {"one_ms": 1.0}})["met"] is None


def test_the_page_of_speed_has_every_line() -> None:
    line = jobs.Line("bow | one text", "a", "one_ms", "ms", "lower", 0.15, "b", reach_on="value")
    found = {"a": {"one_ms": 0.2, "accuracy": 0.9}, "b": {"one_ms": 0.4, "accuracy": 0.8}}
    job = {
        "rows": [line.row(found)],
        "medians": found,
        "repeats": 3,
        "threads": 2,
        "date": "2026-01-01",
        "machine": "a machine",
    }
    page = speed.document({"bags": job | {"seconds": 9.0, "command": "c"}}, "- ours: torch 2")
    assert (
        "| bow \\| one text | 0.2 ms | b | 0.4 ms | 0.5 | lower | <= 0.15 ms | **no** | 0.900 / 0.800 |"
        in page
    )
    assert "with 2 threads" in page
    assert "\n\n- ours: torch 2\n\n" in page
    assert "| bags | a |" in page


def test_the_page_of_speed_is_made_of_its_records() -> None:
    page = speed.DOCUMENT.read_text(encoding="utf-8")
    made = speed.document(records.read(speed.RESULTS), speed.versions_said(page))
    assert page == made, "run `python -m benchmarks.speed --write-only`"


def test_commands_are_told_with_the_number_of_their_calls() -> None:
    def told(**more: int) -> str:
        commands = {"data": {"seconds": 0.5, "imports": ["babel"], **more}}
        return speed.commands_table({"medians": {"textladder": {"commands": commands}}})

    assert "Of one call each" in told()
    assert "Median of 3 calls." in told(calls=3)
    assert "| data | 0.50 | babel |" in told(calls=3)


@pytest.mark.parametrize("rung", ["bilstm", "cnn"])
def test_a_rung_trains_for_the_epochs_that_its_job_names(rung: str) -> None:
    shipped = recipe.rung(rung, "classify")
    assert shipped.training.min_steps > 0
    chosen = shipped.set(classify.fixed(2)).training
    assert (chosen.epochs, chosen.min_steps, chosen.patience) == (2, 0, 0)
    assert shipped.set(classify.fixed(None)).training.epochs == shipped.training.epochs


def test_unknown_jobs_and_sets_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for main in (speed.main, quality.main):
        with pytest.raises(SystemExit):
            main(["--only", "nothing"])
        assert "there is no" in capsys.readouterr().err


def test_repeated_rows_lose_words_and_differ() -> None:
    rows = [([f"w{i}" for i in range(40)], "a"), (["alone"], "b")]
    made = list(data.dropped(rows, 20))
    assert [label for _, label in made].count("a") == 10
    long = [text for text, label in made if label == "a"]
    assert len(set(long)) == 10
    assert all(set(text.split()) < set(rows[0][0]) for text in long)
    assert {text for text, label in made if label == "b"} == {"alone"}
    assert made == list(data.dropped(rows, 20))


def test_files_go_out_and_come_back(tmp_path: Path) -> None:
    rows = [('a "quoted", text', "x"), ("two\nlines", "y")]
    data.write_csv(tmp_path / "f.csv", rows)
    assert child.read_csv(tmp_path / "f.csv") == ([text for text, _ in rows], ["x", "y"])
    data.write_labelled_lines(tmp_path / "f.txt", [("a b", "x"), ("", "y")])
    assert list(child.read_labelled_lines(tmp_path / "f.txt")) == [("a b", "x"), ("", "y")]


def test_flops_of_a_transformer_are_those_of_its_products() -> None:
    # One text of 3 units, width 2, feed-forward 4, one layer: 4 products 3x2x2, 2 of 3x2x4, 2 of 3x3x2.
    assert attention.forward_flops(np.array([3]), 2, 4, 1) == 2 * (4 * 12 + 2 * 24 + 2 * 18)


def test_every_system_is_a_module_that_is_there() -> None:
    for module in (
        "ours.classify",
        "ours.attention",
        "ours.reading",
        "ours.command",
        "ours.starting",
        "ours.data",
    ):
        assert (harness.ROOT / "benchmarks" / f"{module.replace('.', '/')}.py").is_file()
    pinned = harness.REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    assert all("==" in line for line in pinned if line and not line.startswith("#"))


@pytest.mark.parametrize("name", sets.SETS)
def test_settings_of_every_set_fit_every_rung(name: str) -> None:
    for rung in sets.SETS[name].rungs():
        assert quality.recipe_of(name, rung, seed=3).training.seed == 3


def record_of(rung: str, dev: float, test: float, **more: object) -> quality_page.Record:
    return {
        "set": "trec",
        "rung": rung,
        "seed": 1,
        "metric": "accuracy",
        "dev": dev,
        "test": test,
        "interval": [test - 0.02, test + 0.02],
        "count": 100,
        "scores": {"accuracy": test},
        "processor_seconds": 1.0,
        "epochs": 2.0,
        "date": "2026-01-01",
        "machine": "a machine",
        "threads": 2,
        "versions": {"torch": "2"},
        **quality.asked_of("trec", rung, 1),
    } | more


def test_the_best_rung_is_chosen_by_dev() -> None:
    low_dev, high_dev = (
        quality_page.Found.of(n, [record_of(n, *v)]) for n, v in (("bow", (0.7, 0.9)), ("cnn", (0.8, 0.6)))
    )
    assert quality_page.best([low_dev, high_dev]) is high_dev
    about = data_set.DataSet(
        "t", None, None, 0.85, "known", "about", reach_rungs=(0.5, ("cnn",)), within=0.03
    )
    judged = [(one.rung, met) for _, one, _, met in quality_page.verdicts(about, [low_dev, high_dev])]
    assert judged == [("cnn", False), ("cnn", True), ("cnn", False)]
    page = quality_page.document({"trec": [low_dev, high_dev]})
    assert "| TREC-6 | best rung by dev at least 0.92 | cnn | 0.600 | 0.580 to 0.620 | **no** |" in page
    assert 'every rung `data.label="label" tokenizer.lowercase=false`' in page


def test_seeds_give_mean_and_deviation() -> None:
    found = quality_page.Found.of("bow", [record_of("bow", 0.7, 0.8), record_of("bow", 0.9, 0.6, seed=2)])
    assert (found.dev, found.test) == (pytest.approx(0.8), pytest.approx(0.7))
    assert quality_page.score(found) == "0.700 ± 0.141"


def test_a_set_says_when_and_where_each_rung_was_measured() -> None:
    old, other = (
        quality_page.Found.of(rung, [record_of(rung, 0.7, 0.8, machine=place, threads=1)])
        for rung, place in (("bow", "here"), ("cnn", "there"))
    )
    one_place = quality_page.measured_lines([old])
    assert one_place == "Measured 2026-01-01, here, 1 thread; torch 2."
    both = quality_page.measured_lines([old, other]).splitlines()
    assert [line.rpartition(" ")[2] for line in both] == ["(bow).", "(cnn)."]


def test_records_of_another_recipe_do_not_count() -> None:
    wanted = quality.asked_of("trec", "cnn", 1)["recipe"]
    changed = wanted | {"training": wanted["training"] | {"epochs": 99.0}}
    older, gone = dict(wanted), wanted | {"training": wanted["training"] | {"no_such_option": 1}}
    older["training"] = {key: value for key, value in wanted["training"].items() if key != "accumulate"}
    records = [
        record_of("bow", 0.7, 0.8),
        record_of("bow", 0.7, 0.8, seed=2),  # its recipe is that of seed 1
        record_of("cnn", 0.7, 0.8, recipe=changed),
        record_of("cnn", 0.7, 0.8, recipe=gone),
    ]
    assert [(one.rung, one.seeds) for one in quality.gather("trec", records)] == [("bow", 1)]
    records = [record_of("cnn", 0.7, 0.8, recipe=older)]  # an option that came later, at its default
    assert [(one.rung, one.seeds) for one in quality.gather("trec", records)] == [("cnn", 1)]
    assert quality.gather("sst2", records) == []


def test_word_vectors_are_made_once_and_belong_to_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat\n" * 20, encoding="utf-8")
    monkeypatch.setattr(own_vectors, "OUT", tmp_path)
    options = ("--dim", "5", "--epochs", "1", "--threads", "1")
    vectors = own_vectors.Vectors((str(text),), options, ("cnn",))
    folder = vectors.made()
    assert {path.name for path in folder.iterdir()} >= {"vectors.json", "words.txt"}
    text.unlink()
    assert vectors.made() == folder
    with pytest.raises(SystemExit, match="no word vectors"):
        dataclasses.replace(vectors, options=("--dim", "6")).made()

    about = dataclasses.replace(sets.SETS["trec"], vectors=vectors)
    records = [record_of("bow", 0.7, 0.8), record_of("cnn", 0.7, 0.8)]  # made without vectors
    monkeypatch.setitem(sets.SETS, "trec", about)
    assert [one.rung for one in quality.gather("trec", records)] == ["bow"]
    assert [one.rung for one in quality.gather("trec", [record_of("cnn", 0.7, 0.8)])] == ["cnn"]
    assert f"`textladder vectors train {text} --dim 5" in quality_page.settings_line(about)


def test_a_fresh_record_replaces_that_of_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "RESULTS", tmp_path / "results" / "quality.json")
    assert quality.read() == []
    for record in (record_of("cnn", 0.7, 0.8), record_of("bow", 0.6, 0.5), record_of("cnn", 0.9, 0.4)):
        quality.write(quality.kept(quality.read(), record))
    assert [(one["rung"], one["dev"]) for one in quality.read()] == [("bow", 0.6), ("cnn", 0.9)]
    assert len(quality.RESULTS.read_text(encoding="utf-8").splitlines()) == 4  # a record a line
    assert [one.rung for one in quality.gather("trec", quality.read())] == ["bow", "cnn"]


def test_every_shipped_record_has_what_the_page_needs() -> None:
    for name in sets.SETS:
        quality_page.document({name: quality.gather(name, quality.read())})


def test_a_set_is_trained_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, count in (("train", 40), ("test", 10)):
        rows = [(f"{'good' if i % 2 else 'bad'} film {i}", str(i % 2)) for i in range(count)]
        data.write_csv(tmp_path / f"{part}.csv", rows)
    settings = {"bow": ["training.epochs=1"]}
    about = data_set.DataSet(
        str(tmp_path / "train.csv"), None, str(tmp_path / "test.csv"), 0.5, "", "small", settings
    )
    monkeypatch.setitem(sets.SETS, "small", about)
    monkeypatch.setattr(quality, "RUNS", tmp_path / "out")
    monkeypatch.setattr(quality, "RESULTS", tmp_path / "quality.json")
    record = quality.measure("small", "bow", 2)
    assert record is not None
    assert (record["seed"], record["count"], record["epochs"]) == (2, 10, 1.0)
    assert set(record["scores"]) == {"accuracy", "macro_f1", "micro_f1"}
    assert record["processor_seconds"] > 0
    assert record["recipe"]["training"]["epochs"] == 1.0
    assert quality.gather("small", [record])[0].test == record["test"]
    assert not quality.is_there("small", "bow", 2)  # trained, but the record is not kept
    quality.write([record])
    assert quality.is_there("small", "bow", 2)
    assert not quality.is_there("small", "bow", 1)
    monkeypatch.setitem(settings, "bow", ["training.epochs=2"])
    assert not quality.is_there("small", "bow", 2)


def test_a_training_that_fails_gives_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "RUNS", tmp_path)
    monkeypatch.setattr(quality, "command_of", lambda *run: [sys.executable, "-c", "raise SystemExit(2)"])
    assert quality.measure("trec", "bow", 1) is None


def test_versions_are_asked_of_an_interpreter() -> None:
    found = harness.versions(["numpy"], sys.executable)
    assert found["numpy"] == np.__version__


def test_words_and_tags_of_conllu(tmp_path: Path) -> None:
    """Multiword tokens and empty nodes are no words; the last sentence needs no blank line."""
    row = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"
    lines = [("1-2", "im", "_"), ("1", "in", "ADP"), ("2", "dem", "DET"), ("2.1", "x", "_")]
    path = tmp_path / "a.conllu"
    text = (
        "# newdoc\n" + "".join(row.format(*line) for line in lines) + "\n# c\n" + row.format(1, "Ja", "INTJ")
    )
    path.write_text(text, encoding="utf-8")
    assert child.read_conllu(path) == [(["in", "dem"], ["ADP", "DET"]), (["Ja"], ["INTJ"])]
    found = child.tagging_figures(lambda rows: [["ADP"] * len(words) for words in rows], str(path))
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["tagged_per_second"] > 0


def test_features_of_a_word_name_its_neighbours() -> None:
    first, second = crfsuite_tagger.features(["The", "dog"])
    assert {"word=The", "low=the", "istitle", "before=<s>", "after=dog", "here+after=the dog"} <= set(first)
    assert {"word=dog", "end=og", "before=the", "after=</s>"} <= set(second)
