"""Writes what the code says of itself into the docs (`make docs`); a test fails when that is out of date.

docs/recipes.md: every option. README.md: the ladder, and what its commands print (its ```console blocks).
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import tokenize
import typing
from pathlib import Path
from typing import Any, Literal

from textladder import ranges, recipe
from textladder.decoders import DECODERS, decoder_class
from textladder.encoders import ENCODERS, encoder_class
from textladder.ngrams import COUNTED
from textladder.tasks import TASKS, task_class
from textladder.text.reading import DataConfig
from textladder.text.tokenizing import TokenizerConfig
from textladder.training.options import TrainingConfig

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- rungs:begin -->", "<!-- rungs:end -->"

HEAD = """# Every option of a recipe

<!-- Written by `make docs` from the code. Do not edit. -->

A recipe is a TOML file with five tables, a translator's with six. `textladder rungs` says where those of
the ladder are; copy one, change it, and give it as `--rung mine.toml`. Any value can be changed without
a file: `--set table.key=value`, with the value as TOML writes it (`true`, `0.5`, `[1, 2]`; words need no
quotes). `recipe.toml` in a run folder has every value of that run written out. "Not set" (None in the notes)
cannot be written in TOML: leave the line out.

An option that does not exist, and a value of the wrong type, are refused by name.
"""


def fields_of(config: type) -> list[tuple[str, str, str, str]]:
    """(name, type, default, comment) of each field of a Config, those of its base classes first."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for kind in reversed(config.__mro__):
        if not dataclasses.is_dataclass(kind):
            continue
        source = textwrap.dedent(inspect.getsource(kind))
        hints = typing.get_type_hints(kind)
        comments = _comments(source)
        (tree,) = ast.parse(source).body
        assert isinstance(tree, ast.ClassDef)
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
                if name in {field.name for field in dataclasses.fields(kind)}:
                    named = " or ".join(_options(hints[name])) or _kind(node.annotation)
                    said = named, _default(kind, name), _comment(comments, node)
                    found[name] = (name, *said)
    return list(found.values())


def _options(hint: Any) -> list[str]:
    """The values of a Literal, or of a union of such; none where there is another type among them."""
    if typing.get_origin(hint) is Literal:
        return list(map(str, typing.get_args(hint)))
    parts = [_options(part) for part in typing.get_args(hint) if part is not type(None)]
    return list(itertools.chain.from_iterable(parts)) if parts and all(parts) else []


def _comments(source: str) -> dict[int, tuple[bool, str]]:
    """line -> (does it stand alone, the comment)."""
    lines = source.splitlines()
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("# noqa"):
            alone = not lines[token.start[0] - 1][: token.start[1]].strip()
            found[token.start[0]] = alone, token.string.lstrip("# ").strip()
    return found


def _comment(comments: dict[int, tuple[bool, str]], node: ast.AnnAssign) -> str:
    """What stands behind the field, or in the lines above it."""
    behind = [
        comments[n][1] for n in range(node.lineno, (node.end_lineno or node.lineno) + 1) if n in comments
    ]
    above: list[str] = []
    line = node.lineno - 1
    while line in comments and comments[line][0]:
        above.insert(0, comments[line][1])
        line -= 1
    return " ".join(above + behind)


def _kind(annotation: ast.expr) -> str:
    text = ast.unparse(annotation)
    if text.startswith("Literal["):
        return " or ".join(ast.literal_eval("[" + text.removeprefix("Literal[")))
    words = {"int": "whole number", "float": "number", "bool": "true or false", "str": "text"}
    # The types of textladder/ranges.py: "a whole number from 1 on" without its article.
    for name, kind in vars(ranges).items():
        if hasattr(kind, "__metadata__"):
            words[name] = kind.__metadata__[-1].partition(" ")[2]
    parts = [words.get(part.strip(), part.strip()) for part in text.split("|") if part.strip() != "None"]
    return " or ".join("list" if part.startswith("tuple") else part for part in parts)


def _default(config: type, name: str) -> str:
    value = next(field.default for field in dataclasses.fields(config) if field.name == name)
    if value is None:
        return "not set"
    if value is dataclasses.MISSING:
        return "must be given"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def table(config: type) -> list[str]:
    rows = ["| option | value | default | what it does |", "|---|---|---|---|"]
    for name, kind, default, comment in fields_of(config):
        rows.append("| " + " | ".join(_cell(cell) for cell in (f"`{name}`", kind, default, comment)) + " |")
    return rows


def _cell(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("|", "\\|")


def recipes_page() -> str:
    parts = [HEAD]
    for title, config in (
        ("[data]: how files are read and split", DataConfig),
        ("[tokenizer]: what a text is cut into", TokenizerConfig),
        ("[training]", TrainingConfig),
    ):
        parts += [f"## {title}", "", *table(config), ""]
    for name in TASKS:
        parts += [f'## [task] name = "{name}"', "", *table(task_class(name).Config), ""]
    both = [("encoder", name, encoder_class(name)) for name in ENCODERS]
    both += [("decoder", name, decoder_class(name)) for name in DECODERS]
    for table_name, name, kind in both:
        parts += [f'## [{table_name}] name = "{name}"', ""]
        said = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
        parts += [said, ""] if said else []
        parts += [f"Source: {kind.source}", ""] if kind.source else []
        parts += [*table(kind.Config), ""]
    for name in COUNTED:
        config = recipe.encoder_config(name)
        said = (inspect.getdoc(config) or "").split("\n\n")[0].replace("\n", " ")
        parts += [f'## [encoder] name = "{name}"', "", said, "", *table(config), ""]
    return "\n".join(parts)


def ladder() -> str:
    """The ladder as a Markdown table for each task."""
    lines: list[str] = []
    for task in TASKS:
        lines += ["", f"`--task {task}`:", ""] if lines else []
        lines += ["| rung | what it is | units | source |", "|---|---|---|---|"]
        for name in recipe.rungs(task):
            chosen = recipe.rung(name, task)
            lines.append(f"| `{name}` | {chosen.about} | {chosen.tokenizer.units} | {chosen.source} |")
    return "\n".join(lines)


def blocks(text: str) -> list[tuple[str, str]]:
    """(command, what is shown below it) of each ```console block."""
    found = re.findall(r"^```console\n\$ (.*)\n((?:.*\n)*?)```$", text, re.MULTILINE)
    return [(command, shown) for command, shown in found]


def run_blocks(text: str, folder: Path) -> list[str]:
    """What the commands of the blocks print on stdout, run one after the other with runs/ in `folder`."""
    (folder / "docs").symlink_to(ROOT / "docs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    return [
        subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for command, _ in blocks(text)
    ]


def with_output(text: str) -> str:
    """The text with every console block showing what its command prints now."""
    with tempfile.TemporaryDirectory() as folder:
        said = iter(run_blocks(text, Path(folder)))
    for command, _ in blocks(text):
        start = text.index(f"```console\n$ {command}\n") + len(f"```console\n$ {command}\n")
        text = text[:start] + next(said) + text[text.index("```", start) :]
    return text


def readme(text: str) -> str:
    """README.md with the ladder as it is now."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{ladder()}\n{END}{after}"


def written() -> dict[Path, str]:
    """What each file should hold."""
    front = ROOT / "README.md"
    return {ROOT / "docs" / "recipes.md": recipes_page(), front: readme(front.read_text(encoding="utf-8"))}


def main() -> None:
    for path, made in written().items():
        text = with_output(made) if path.name == "README.md" else made
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
