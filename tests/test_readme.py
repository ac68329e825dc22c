"""What the documents say is true: README's commands print what it shows, generated pages are up to date."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import reference
from textladder.text.reading import DataConfig

README = reference.ROOT / "README.md"
PAGES = sorted([*reference.ROOT.glob("*.md"), *(reference.ROOT / "docs").rglob("*.md")])
# What differs from machine to machine.
MEASURED = re.compile(r"\d+(\.\d+)? (s of training|ms for one text|MB on disk|MB of memory)")


def test_the_commands_of_readme_print_what_it_shows(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    shown = reference.blocks(text)
    assert [command.split()[:2] for command, _ in shown][:2] == [
        ["textladder", "look"],
        ["textladder", "train"],
    ]
    for (command, wanted), printed in zip(shown, reference.run_blocks(text, tmp_path), strict=True):
        assert MEASURED.sub(r"N \2", printed) == MEASURED.sub(r"N \2", wanted), f"{command}: run `make docs`"


def python_blocks() -> list[str]:
    """Python as README shows it, in its order: the classifier, the language model, the word vectors."""
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 3
    return blocks


def test_the_classifier_of_readme_runs() -> None:
    with (reference.ROOT / "docs" / "reviews.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names: dict[str, Any] = {
        "texts": [row["review"] for row in rows],
        "labels": [row["sentiment"] for row in rows],
    }
    exec(python_blocks()[0], names)
    assert set(names["model"].predict(["A tender and moving film."])) <= {"positive", "negative"}


def test_the_language_model_of_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["ROMEO: To be or not to be, that is the question.", "JULIET: To be, and not to ask.", ""]
    (tmp_path / "play.txt").write_text("\n".join(lines * 100), encoding="utf-8")
    names: dict[str, Any] = {}
    exec(python_blocks()[1], names)
    assert names["lm"].next("To be or not to", top=1)[0][0] == " "


def test_the_python_of_the_page_on_language_models_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shakespeare.txt").write_text("ROMEO: To be or not to be, speak.\n" * 60, encoding="utf-8")
    page = (reference.ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert 'LanguageModel("lstm", units="character")' in block
    sizes = {"encoder.hidden_dim": 8, "encoder.embedding_dim": 8}
    small = f'LanguageModel("lstm", units="character", settings={sizes})'
    names: dict[str, Any] = {}
    exec(block.replace('LanguageModel("lstm", units="character")', small), names)
    assert len(names["lm"].generate("ROMEO:", length=20, seed=1)) <= 26
    assert len(names["lm"].next("To be or not to", top=10)) == 10


def test_the_word_vectors_of_readme_run() -> None:
    court = "the king and the queen of the old land saw a man and a woman by the gate at the end of day"
    names: dict[str, Any] = {"texts": [court] * 50}
    exec(python_blocks()[2], names)
    neighbours = names["v"].most_similar("king", n=10)
    assert len(neighbours) == 10
    assert {word for word, _ in neighbours} <= set(court.split()) - {"king"}


def test_readme_begins_with_its_two_commands() -> None:
    lines = [line.strip() for line in README.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert lines[0] == "# textladder"
    assert [line.split("#")[0].strip() for line in lines[1:3]] == ["make demo", "make test"]


@pytest.mark.parametrize("path", reference.written(), ids=lambda path: path.name)
def test_what_make_docs_writes_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.written()[path], "run `make docs`"


def test_every_option_is_told() -> None:
    told = {name: comment for name, _, _, comment in reference.fields_of(DataConfig)}
    assert told["split_seed"].startswith("of the split")
    assert "None: inferred" in told["label_separator"]  # behind a value that stands on a line of its own
    assert "Problem" in told["unlabelled"]  # above the field


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(reference.ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
