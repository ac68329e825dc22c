"""Who may import whom, and what no import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import textladder
from tests import program
from tests.helpers import environment
from tests.program import subprocessed
from textladder import measuring

ROOT = Path(textladder.__file__).parent
# Only lower numbers may be imported. Parts of one number and one name may import each other.
LEVELS = {
    "": 0,  # __init__.py: the version
    "errors": 0,
    "distributed": 0,
    "metrics": 0,
    "files": 0,
    "replacing": 0,
    "releasing": 0,
    "checking": 0,
    "ranges": 0,
    "wording": 0,
    "ragged": 1,
    "letters": 1,
    "batch": 1,
    "text": 2,
    "layers": 2,
    "builtin": 2,
    "encoders": 3,
    "decoders": 3,
    "ngrams": 3,
    "vectors": 3,
    "search": 3,
    "tasks": 4,
    "recipe": 5,
    "recipes": 5,
    "training": 5,
    "streams": 5,
    "model": 6,
    "counted": 6,
    "loading": 7,
    "ensembling": 7,
    "forcing": 7,
    "parts": 7,
    "preparing": 7,
    "signals": 0,
    "trainer": 7,
    "run": 7,
    "measuring": 7,
    "card": 7,
    "terminal": 7,
    "comparing": 8,
    "compare": 8,
    "inspection": 8,
    "estimating": 8,
    "estimators": 8,
    "evaluating": 8,
    "scoring": 8,
    "generating": 8,
    "language": 8,
    "pairing": 8,
    "tagging": 8,
    "answering": 8,
    "embedding": 8,
    "retrieving": 8,
    "translating": 8,
    "choosing": 8,
    "exposure": 8,
    "translator": 8,
    "listing": 8,
    "looking": 8,
    "exits": 9,
    "output": 9,
    "vectors_options": 9,
    "vectors_changing": 9,
    "cli_options": 9,
    "vectors_cli": 9,
    "language_cli": 9,
    "generating_cli": 9,
    "translating_cli": 9,
    "given_cli": 9,
    "naming": 9,
    "inspecting_cli": 9,
    "arpa_cli": 9,
    "predicting_cli": 9,
    "retrieving_cli": 9,
    "cli": 9,
    "__main__": 9,
}
# Of one number but different names: who may import whom.
BESIDE = {
    "preparing": ("parts",),
    "checking": ("errors",),
    "files": ("errors", "distributed"),
    "replacing": ("errors", "files"),
    "distributed": ("errors",),
    "metrics": ("", "errors"),
    "decoders": ("search",),
    "recipe": ("training",),
    "batch": ("letters", "ragged"),
    "run": ("card", "measuring", "parts", "preparing", "trainer"),
    "trainer": ("preparing",),
    "measuring": ("preparing",),
    "compare": ("comparing", "inspection"),
    "evaluating": ("scoring", "translating"),
    "exposure": ("translating",),
    "estimators": ("estimating",),
    "language": ("estimating", "generating", "scoring"),
    "pairing": ("estimating", "estimators"),
    "tagging": ("estimating",),
    "answering": ("estimating",),
    "translator": ("choosing", "estimating", "translating"),
    "choosing": ("generating", "scoring", "translating"),
    "embedding": ("estimating", "retrieving"),
    "retrieving": ("evaluating",),
    "inspection": ("comparing", "translating"),
    "looking": ("inspection",),
    "vectors_changing": ("output", "vectors_options"),
    "vectors_cli": ("output", "vectors_changing", "vectors_options"),
    "given_cli": ("output",),
    "language_cli": ("cli_options", "given_cli", "output"),
    "generating_cli": ("cli_options", "output"),
    "translating_cli": ("cli_options", "given_cli", "output"),
    "arpa_cli": ("cli_options", "output"),
    "predicting_cli": ("cli_options", "output"),
    "retrieving_cli": ("cli_options", "output"),
    "inspecting_cli": ("cli_options",),
    "cli": (
        *("arpa_cli", "cli_options", "exits", "generating_cli", "inspecting_cli", "language_cli"),
        *("naming", "output", "predicting_cli", "retrieving_cli", "translating_cli", "vectors_cli"),
    ),
    "__main__": ("cli",),
}
FILES = sorted(ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(tree: ast.AST) -> Iterator[str]:
    """The parts that a source imports anywhere but under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{a.name}" for a in node.names] if module == "textladder" else [module]
        else:
            names = []
        for name in names:
            package, _, rest = name.partition(".")
            if package == "textladder":
                part = rest.partition(".")[0]
                yield part if part in LEVELS else ""
        yield from imports(node)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_imports_point_downwards(path: Path) -> None:
    mine = part_of(path)
    if mine == "":
        return  # its names are imported when they are asked for
    for part in set(imports(ast.parse(path.read_text()))):
        level = LEVELS[mine]
        allowed = part == mine or LEVELS[part] < level or part in BESIDE.get(mine, ())
        assert allowed, f"{path.relative_to(ROOT)} ({level}) imports {part} ({LEVELS[part]})"
        assert not (mine == "tasks" and part == "encoders"), "a task is given `encode`, never an encoder"


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after `code` has run in a new process."""
    said = "print(*sys.modules, sep='\\n', file=sys.stderr)"
    ask = f"import sys\ntry:\n    {code}\nexcept SystemExit as end: assert not end.code\n{said}"
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, env=environment(), check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


HEAVY = {
    "torch", "numpy", "numba", "scipy", "sklearn", "pandas", "pyarrow", "babel", "plotly", "tokenizers",
    "tomlkit", "rich",
}  # fmt: skip
READING = {"numpy", "tokenizers", "tomlkit"}  # pyarrow: for Parquet alone
COMPILED = {"numba", "scipy"}  # numba loads scipy for its own use
# The heavy libraries that a command is for; all others it must not load. (typer takes pydantic once a command
# is named.)
USED = {
    "--help": set(),
    "--version": set(),
    "train --help": set(),
    "data": {"babel"},
    "steps TEXT": {"numpy", "tokenizers", "rich"},
    "look FILE": {*READING, *COMPILED, "rich"},
    "rungs": {*READING, *COMPILED, "torch"},
    "evaluate MODEL FILE": {*READING, *COMPILED, "torch"},
    "predict MODEL FILE": {*READING, *COMPILED, "torch"},
    "train FILE --out OUT": {*READING, *COMPILED, "torch"},
    "compare FILE --rungs bow --out OUT": {*READING, *COMPILED, "torch", "plotly", "rich"},
    "generate WRITER": {*READING, *COMPILED, "torch"},
    "score WRITER LINES": {*READING, *COMPILED, "torch"},
    "search SEARCHER LINES TEXT": {*READING, *COMPILED, "torch"},
    "translate TRANSLATOR LINES": {*READING, *COMPILED, "torch"},
}
LINES = [
    f"the {thing} is {what}" for thing in ("king", "day", "film", "plot") for what in ("old", "up", "dull")
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    path.write_text("\n".join(LINES * 60), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pairs(lines: Path) -> Path:
    """Each line and the same with its words turned round."""
    path = lines.with_name("pairs.tsv")
    rows = [f"{line} {n}\t{n} {' '.join(line.split()[::-1])}" for n, line in enumerate(LINES * 5)]
    path.write_text("\n".join(["source\ttarget", *rows]), encoding="utf-8")
    return path


def made(task: str, rung: str, file: Path, *settings: str) -> Path:
    out = file.with_name(task)
    options = [word for setting in settings for word in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "MANY_SECONDS", 0.0)
        patch.setattr(measuring, "ONE_TEXTS", 1)
        ended = program.textladder("train", file, "--task", task, "--rung", rung, "--out", out, *options)
    assert ended.code == 0, ended.err
    return out


@pytest.fixture(scope="module")
def writer(lines: Path) -> Path:
    return made("language", "ngram", lines, "tokenizer.units=character")


@pytest.fixture(scope="module")
def searcher(pairs: Path) -> Path:
    return made("embed", "average", pairs, "training.epochs=1")


@pytest.fixture(scope="module")
def translator(pairs: Path) -> Path:
    units = ("tokenizer.units=word", "encoder.hidden_dim=8", "decoder.hidden_dim=8")
    return made("translate", "gru", pairs, *units, "training.epochs=1")


def test_import_loads_no_network_library() -> None:
    assert not HEAVY & loaded_by("import textladder")


@pytest.mark.parametrize("command", USED)
def test_no_command_loads_what_it_does_not_use(
    command: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    values = {"TEXT": "A text", "OUT": str(tmp_path / "out")}
    named = {"FILE": "reviews", "MODEL": "trained", "LINES": "lines", "WRITER": "writer"}
    named |= {"SEARCHER": "searcher", "TRANSLATOR": "translator"}
    values |= {word: str(request.getfixturevalue(named[word])) for word in command.split() if word in named}
    ended = subprocessed(*(values.get(word, word) for word in command.split()), PYTHONPROFILEIMPORTTIME="1")
    assert ended.code == 0, ended.err
    assert ended.out
    timed = (line for line in ended.err.splitlines() if line.startswith("import time:"))
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in timed}
    assert "textladder" in loaded
    assert loaded & HEAVY <= USED[command]


def test_names_of_the_package() -> None:
    assert set(textladder.__all__) == {
        "AnswerExtractor",
        "LanguageModel",
        "PairClassifier",
        "PairRegressor",
        "Problem",
        "TextClassifier",
        "TextEncoder",
        "TokenTagger",
        "Translator",
        "WordVectors",
    }
    for name in textladder.__all__:
        assert getattr(textladder, name).__name__ == name
    with pytest.raises(AttributeError, match="TextClasifier"):
        textladder.TextClasifier  # noqa: B018
