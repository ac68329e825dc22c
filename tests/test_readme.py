"""What the documents say is true: README's commands print what it shows, generated pages are up to date."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks import reference
from textladder import recipe
from textladder.cli import app
from textladder.estimating import RungEstimator
from textladder.recipe import Recipe
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


def blocks_of(page: Path, *kinds: str) -> list[str]:
    """What a page shows between fences of these kinds."""
    parts = re.split(r"^```(.*)\n?", page.read_text(encoding="utf-8"), flags=re.M)
    # Text, kind, block, the end of the fence, and again.
    return [block for kind, block in zip(parts[1::4], parts[2::4], strict=True) if kind in kinds]


def python_blocks() -> list[str]:
    """Python as README shows it, in its order: the classifier, the language model, the word vectors."""
    blocks = blocks_of(README, "python")
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


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every estimator trains for two steps: what it learns is another test's business."""
    whole = RungEstimator._recipe

    def short(self: RungEstimator, more: dict[str, Any] | None = None) -> Recipe:
        few = {"training.max_steps": 2, "training.min_steps": 0, "training.epochs": 1}
        return whole(self, (more or {}) | few)

    monkeypatch.setattr(RungEstimator, "_recipe", short)


NAMES = ["Ada", "Bob", "Eve", "Kim", "Max", "Zoe", "Ann", "Tom", "Ida", "Ben", "Amy", "Joe"]
TOLD = [f"{name} Lovelace lived in London ." for name in NAMES]
SIMILAR = [
    (f"a {one} sleeps", f"the {one} rests") for one in ("dog", "cat", "bird", "horse", "man", "cow")
] * 4
EXAMPLES: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], Any], Any]] = {
    "tagging": (
        {"texts": TOLD, "spans": [[(0, 12, "PER")]] * len(TOLD)},
        lambda names: list(names["tagger"].classes_),
        ["PER"],
    ),
    "pairs": (
        {"pairs": SIMILAR, "labels": ["yes", "no"] * 12, "scores": [0.1, 0.9] * 12},
        lambda names: (
            len(names["model"].predict_proba(SIMILAR)[0]),
            names["similarity"].predict(SIMILAR).shape,
        ),
        (2, (24,)),
    ),
    "embedding": (
        {"pairs": SIMILAR, "corpus": [text for pair in SIMILAR for text in pair]},
        lambda names: names["encoder"].transform(["A man sleeps."]).shape[0],
        1,
    ),
    "answers": (
        {
            "passages": TOLD,
            "questions": [f"Where did {name} live?" for name in NAMES],
            "answers": [[(22, 28)], ["London"], [{"text": "London", "start": 22}]] * 4,
        },
        lambda names: names["extractor"].predict(TOLD[:1], ["Where did Ada live?"])[0].text in TOLD[0],
        True,
    ),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("page", EXAMPLES)
def test_the_python_of_a_page_runs(page: str) -> None:
    names, told, wanted = EXAMPLES[page]
    names = dict(names)
    (block,) = blocks_of(reference.ROOT / "docs" / f"{page}.md", "python")
    exec(block, names)
    assert told(names) == wanted


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of each `textladder` command that a page shows; a line that ends with a backslash goes on."""
    for block in blocks_of(page, "", "console", "sh", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            shown = line.strip().removeprefix("$ ").partition(" #")[0]
            for command in re.split(r" \| |  +(?=textladder )", shown):
                if command.startswith("textladder "):
                    yield shlex.split(re.sub(r"<<<.*|[<>] \S+", "", command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(reference.ROOT)))
def test_commands_of_pages_have_options_that_are_there(page: Path) -> None:
    for words in commands_of(page):
        command: Any = get_command(app)
        for word in words[1:]:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= known, " ".join(words)
        said = dict(pairwise(words))
        rungs = said.get("--rungs", said.get("--rung", "")).split(",")
        if "--task" in said and rungs != [""]:
            assert set(rungs) <= set(recipe.rungs(said["--task"])), " ".join(words)


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
