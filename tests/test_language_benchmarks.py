"""The benchmarks of language models: what is asked, how figures become tables, how peers judge. Nothing is
timed here."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import harness, held_out, ladder, language, language_jobs, ngrams, records, speed
from benchmarks.ours import language as ours
from benchmarks.ours import language_data
from benchmarks.peers import nanogpt, torch_lstm
from textladder import recipe

FILES = {"train": "train.txt", "held_out": "held_out.txt", "characters": 10, "held_out_characters": 5}


@pytest.fixture(autouse=True)
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_jobs, "made", lambda make, **_: FILES)


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("name", language_jobs.JOBS)
def test_every_line_names_systems_that_are_measured(name: str, quick: bool) -> None:
    job = language_jobs.JOBS[name](quick)
    systems = {system.name for system in job.systems}
    assert len(systems) == len(job.systems)
    for line in job.lines:
        assert line.ours in systems
        assert line.peer is None or line.peer in systems
    for system in job.systems:
        assert json.dumps(system.arguments)
        assert (harness.ROOT / f"{system.module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize("name", language_jobs.JOBS)
def test_settings_fit_the_rungs(name: str) -> None:
    for system in language_jobs.JOBS[name](False).systems:
        rung = system.arguments.get("rung")
        if rung in language.rungs():
            assert recipe.rung(rung, "language").set(list(system.arguments.get("settings", ())))


def test_what_the_issue_asks_is_asked() -> None:
    asked = {
        (line.ours, line.metric, line.peer): line.reach
        for job in language_jobs.JOBS.values()
        for line in job(False).lines
        if line.reach is not None
    }
    assert asked["gpt", "seconds_to_target", "nanoGPT, CPU recipe"] == 0.5
    assert asked["lstm, 30 minutes", "nats", None] == 1.55
    assert asked["lstm characters, as shipped", "units_per_second", "nn.LSTM characters, float32"] == 1.5
    assert asked["lstm words, as shipped", "units_per_second", "nn.LSTM words, float32"] == 2.5
    for batch in (1, 16):
        case = f"10.7 M, batch {batch}"
        for peer in (f"nanoGPT's sampler, {case}", f"HF generate, {case}"):
            assert asked[f"gpt, {case}", "characters_per_second", peer] == 10
    assert asked["gpt, subwords", "bits_per_character", "HF GPT-2, Trainer"] == 1
    assert asked["gpt, subwords", "units_per_second", "HF GPT-2, Trainer"] == 2
    assert asked["lstm x10", language_jobs.HELD, "lstm x1"] == 1.1


def test_what_the_issue_asks_of_counted_models_is_asked() -> None:
    for order in (3, 5):
        mine, lmplz, query = f"ours, order {order}", f"lmplz, order {order}", f"query, lmplz's {order}"
        asked = {(line.metric, line.peer): (line.better, line.reach) for line in ngrams.lines(order)}
        assert asked["all_words_per_second", lmplz] == ("higher", 1)
        assert asked["query_words_per_second", query] == ("higher", 0.3)
        assert asked["perplexity", query] == ("equal", 1.001)
        assert asked["perplexity", f"query, ours {order}"] == ("equal", 1.0001)
        assert {line.ours for line in ngrams.lines(order)} == {mine}


def test_half_the_perplexity_is_as_wrong_as_twice() -> None:
    found = {f"{name} {order}": {} for name in ("ours, order", "lmplz, order") for order in (3, 5)}
    found["ours, order 3"] = {"perplexity": 829.87924}
    for theirs, met in ((829.5, "yes"), (1659.8, "**no**"), (414.9, "**no**")):
        page = ngrams.rows_table(found | {"query, lmplz's 3": {"perplexity": theirs}})
        (line,) = (line for line in page.splitlines() if "order 3: perplexity, theirs" in line)
        assert f"| 829.8792 | {theirs:#.7g} | {829.87924 / theirs:#.7g} | 1 ± 0.001 | {met} |" in line


def test_a_rung_that_is_not_there_is_named_and_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "rungs", lambda: ["lstm"])

    def in_turns(
        systems: list[harness.System], repeats: int, threads: int
    ) -> dict[str, list[harness.Result]]:
        return {system.name: [{"seconds_to_target": 2.0, "nats": 1.9}] * repeats for system in systems}

    monkeypatch.setattr(speed, "in_turns", in_turns)
    found = language.measure("nanogpt", argparse.Namespace(quick=False, repeats=2, threads=1))
    assert found["runs"]["gpt"] == [{"error": "there is no rung gpt"}]
    assert len(found["runs"]["nanoGPT, CPU recipe"]) == 2
    assert found["rows"][0]["met"] is None
    assert "| there is no rung gpt | nanoGPT, CPU recipe | 2 s |" in language.lines({"nanogpt": found})


def test_tables() -> None:
    line = language_jobs.LanguageLine("training", "a", "rate", "words/s", "higher", 1.5, "b")
    found = {"a": {"rate": 30.0, "nats": 1.25}, "b": {"rate": 10.0, "nats": 1.5}}
    job = {
        "rows": [line.row(found)],
        "medians": found,
        "repeats": 3,
        "threads": 2,
        "date": "2026-01-01",
        "machine": "a machine",
    }
    page = language.document({"lstm-words": job | {"seconds": 9.0, "command": "c"}}, {"ours": {"torch": "2"}})
    assert "| training | 30 words/s | b | 10 words/s | 3 | higher | >= 1.5 | yes | 1.250 / 1.500 |" in page
    counted = {"ours, order 3": {"words_per_second": 3.0}, "lmplz, order 3": {"words_per_second": 2.0}}
    shown = language.ngrams_table({"date": "2026-01-02", "machine": "a machine", "medians": counted})
    assert "2026-01-02, a machine." in shown
    assert "| order 3: ids to model | 3 words/s | 2 words/s | 1.5 | >= 1 | yes |" in shown
    assert language.ngrams_table({}) == ""


def test_what_was_measured_otherwise_is_said() -> None:
    said = language.how({"nanogpt": {"threads": 2}, "wiki": {"threads": 2}, "best": {"threads": 1}}, {})
    assert "with 2 threads (`best`: 1);" in said
    assert "- `wiki`" in said
    assert "growth" not in said
    assert "Counted" not in said


def test_unknown_jobs_and_texts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for main in (language.main, ladder.main):
        with pytest.raises(SystemExit):
            main(["--only", "nothing"])
        assert "there is no" in capsys.readouterr().err


def test_what_stands_around_the_markers_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- b -->\nold\n<!-- e -->\n\nafter\n", encoding="utf-8")
    for text in ("first", "second"):
        records.write_between(page, "<!-- b -->", "<!-- e -->", text)
    assert page.read_text(encoding="utf-8") == "# A\n\n<!-- b -->\n\nsecond\n\n<!-- e -->\n\nafter\n"
    records.write_between(page, "<!-- c -->", "<!-- d -->", "new")
    assert page.read_text(encoding="utf-8").endswith("after\n\n<!-- c -->\n\nnew\n\n<!-- d -->\n")


@pytest.mark.parametrize(
    ("length", "width", "stride"), [(1, 4, 2), (3, 4, 2), (21, 4, 2), (20, 7, 3), (9, 8, 8)]
)
def test_windows_judge_every_unit_but_the_first_once(length: int, width: int, stride: int) -> None:
    judged: list[int] = []
    for begin, end, counted in held_out.windows(length, width, stride):
        assert end - begin <= width
        assert counted - begin >= min(counted, width - stride)
        judged += range(counted + 1, end + 1)
    assert judged == list(range(1, length))


def test_the_target_is_met_between_two_checks() -> None:
    assert held_out.crossing([(1.0, 3.0), (2.0, 2.0)], 2.25) == 1.75
    assert held_out.crossing([(1.0, 3.0), (2.0, 2.0)], 3.0) == 1.0
    assert held_out.crossing([(1.0, 3.0)], 2.0) is None
    assert held_out.crossing([], 2.0) is None


def test_the_peers_judge_what_they_would_say_of_each_unit() -> None:
    torch.manual_seed(0)
    ids = torch.randint(5, (23,))
    model = nanogpt.Gpt(5, nanogpt.Size(block=8, layers=1, heads=2, width=8)).eval()
    total = 0.0
    with torch.no_grad():
        for begin, end, counted in held_out.windows(len(ids), 8, 4):
            said = model(ids[None, begin:end])[0].log_softmax(-1)
            total -= sum(float(said[at - begin, ids[at + 1]]) for at in range(counted, end))
    assert nanogpt.judge(model, ids, 8, 4, rows=3) == pytest.approx(total / 22, rel=1e-5)

    net = torch_lstm.Net(5, 8, 2, 0.5).eval()
    with torch.no_grad():
        whole = torch.nn.functional.cross_entropy(net(ids[:-1, None], None)[0][:, 0], ids[1:])
    assert torch_lstm.judge(net, ids, width=6) == pytest.approx(float(whole), rel=1e-5)


def test_the_peer_is_the_recipe() -> None:
    model = nanogpt.Gpt(65, nanogpt.Size())
    assert sum(p.numel() for p in model.parameters()) == 804_096
    rates = [nanogpt.learning_rate(step, 2000) for step in range(2000)]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[0] < 2e-5
    assert rates[-1] == pytest.approx(1e-4, rel=1e-3)
    ids = nanogpt.draw(nanogpt.Gpt(9, nanogpt.Size(4, 1, 1, 8)).eval(), 11, 2)
    assert ids.shape == (2, 12)


def test_unseen_words_of_the_held_out_text_are_one_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "wikitext2_eval"
    folder.mkdir()
    (folder / "valid.txt").write_text(" a <unk> b \n", encoding="utf-8")
    (folder / "test.txt").write_text(" b c \n <unk> a\n", encoding="utf-8")
    monkeypatch.setattr(language_data, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(language_data, "FOLDER", tmp_path / "out")
    made = language_data.words(False)
    assert Path(made["train"]).read_text(encoding="utf-8") == " a unk b \n"
    assert Path(made["held_out"]).read_text(encoding="utf-8") == "b unk\nunk a"


def test_a_log_says_how_fast_it_went_and_when_it_was_how_good(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines: list[dict[str, Any]] = [
        {"event": "step", "epoch": epoch, "seconds": seconds}
        for epoch, seconds in ((0.1, 5.0), (0.2, 6.0), (0.4, 8.0))
    ]
    lines.append({"event": "check", "seconds": 8.0, "dev_score": 2.0})
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert ours.epochs_per_second(log) == pytest.approx(0.1)
    assert ours.checks_of(log) == [(8.0, pytest.approx(2 * math.log(2)))]
    assert ours.checks_of(tmp_path / "none") == []


def test_the_ladder_names_every_rung() -> None:
    row = {"rung": "gpt", "score": 2.0, "interval": [1.9, 2.1], "training_seconds": 3.0, "ended": "epochs"}
    other = row | {"rung": "lstm", "difference": 0.1, "difference_interval": [0.05, 0.15]}
    comparison = {"rows": [row, other], "best": "gpt", "stopped": {"ngram": "failed"}}
    found = {
        "date": "d",
        "machine": "m",
        "threads": 2,
        "command": "c",
        "comparison": comparison,
        "absent": ["rnn"],
        "seconds": 600.0,
    }
    page = ladder.document({"wiki": found})
    assert "| **gpt** | 2.000 [1.900, 2.100] |  | 3 | epochs |" in page
    assert "| lstm | 2.000 [1.900, 2.100] | +0.100 [+0.050, +0.150] | 3 | epochs |" in page
    assert "- `rnn` is missing: there is no such rung\n- `ngram` is missing: failed" in page
    failed = {
        "date": "d",
        "machine": "m",
        "threads": 2,
        "command": "c",
        "error": "no file",
        "absent": [],
        "seconds": 1.0,
    }
    assert "Not measured: no file" in ladder.section("wiki", failed)
