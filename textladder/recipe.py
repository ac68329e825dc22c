"""A recipe is everything needed to repeat a run: data, tokenizer, encoder, task, training. TOML in and out.

A *rung* is a named recipe: one annotated file under `recipes/TASK/`, which a user can copy and change.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import ParseError

from textladder.checking import checked, named_class, plain
from textladder.decoders import decoder_class
from textladder.encoders import ENCODERS
from textladder.errors import Problem, suggest
from textladder.ngrams import COUNTED
from textladder.tasks import TASKS, task_class
from textladder.text.reading import DataConfig
from textladder.text.tokenizing import SPECIAL, TokenizerConfig

if TYPE_CHECKING:  # these need torch, which reading files does not
    from textladder.tasks.task import Task
    from textladder.training.options import TrainingConfig

RECIPES = Path(__file__).parent / "recipes"
SMALL_UNITS = ("character", "byte")
# Rungs that are taken where none is named, if not the cheapest: of translators that is `gru`, which keeps all
# of the source in one vector.
FIRST = {"translate": "rnn-attention"}
TABLES = ("data", "tokenizer", "encoder", "decoder", "task", "training")
# Language models of characters know every character of their text, unless a recipe or a user says otherwise:
# all that Unicode has find room. What else is known of [tokenizer] stands in TokenizerConfig.
EVERY_CHARACTER = {"vocabulary_size": sys.maxunicode + 1 + len(SPECIAL), "min_count": 1}


@dataclass(frozen=True)
class Recipe:
    """`encoder`, `decoder` and `task` are the frozen Config of what `encoder_name`, `decoder_name` and
    `task_name` stand for. Only recipes of tasks that write have a decoder."""

    rung: str
    about: str
    source: str
    data: DataConfig
    tokenizer: TokenizerConfig
    encoder_name: str
    encoder: Any
    task_name: str
    task: Any
    training: TrainingConfig
    small_units: dict[str, Any]  # "table.key": value, for units of characters or bytes
    decoder_name: str | None = None
    decoder: Any = None

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe file; Problem for what it must not hold."""
        return cls.of(_parsed(path), str(path))

    @classmethod
    def of(cls, document: dict[str, Any], where: str) -> Recipe:
        """A recipe from plain tables, each value checked against the Config that it belongs to."""
        from textladder.training.options import TrainingConfig

        tables = _tables_of(document, where)
        task_name = str(tables["task"].get("name"))
        writes = task_name in TASKS and task_class(task_name).writes
        for name in ("encoder", "task", *(["decoder"] if writes else [])):
            if "name" not in tables[name]:
                raise Problem(
                    where, f"[{name}] has no name.", f'Add a line such as name = "{_DEFAULTS[name]}".'
                )
        encoder_name, task_name = str(tables["encoder"].pop("name")), str(tables["task"].pop("name"))
        encoder = _named(encoder_config, encoder_name, where)
        task = _named(partial(task_class, where="task.name"), task_name, where)
        if encoder_name in COUNTED and not task.streams:
            raise Problem(
                where,
                f"{encoder_name} counts units: it has no vectors for the task {task_name}.",
                "Choose another rung, or the task language.",
            )
        decoder_name, decoder = None, None
        if tables["decoder"] and not task.writes:
            what = f"the task {task_name} has no decoder."
            raise Problem(f"{where}, decoder", what, "Leave the table out, or use the task translate.")
        if task.writes:
            decoder_name = str(tables["decoder"].pop("name"))
            config = _named(decoder_class, decoder_name, where).Config
            decoder = checked(config, tables["decoder"], where, "decoder")
        tokenizer = _defaults(task, tables["tokenizer"]) | tables["tokenizer"]
        return cls(
            rung=str(document.get("rung", encoder_name)),
            about=str(document.get("about", "")),
            source=str(document.get("source", "")),
            data=checked(DataConfig, tables["data"], where, "data"),
            tokenizer=checked(TokenizerConfig, tokenizer, where, "tokenizer"),
            encoder_name=encoder_name,
            encoder=checked(encoder, tables["encoder"], where, "encoder"),
            task_name=task_name,
            task=checked(task.Config, tables["task"], where, "task"),
            training=checked(TrainingConfig, tables["training"], where, "training"),
            small_units=dict(document.get("small_units", {})),
            decoder_name=decoder_name,
            decoder=decoder,
        )

    @property
    def counted(self) -> bool:
        """Whether the model is counted in one pass, and not trained by gradient."""
        return self.encoder_name in COUNTED

    def tables(self, every: bool = False) -> dict[str, Any]:
        """Plain tables again; without `every`, only what differs from the defaults."""
        decoder = {}
        tokenizer = plain(self.tokenizer, every)
        for key, default in _defaults(task_class(self.task_name), {"units": self.tokenizer.units}).items():
            tokenizer[key] = getattr(self.tokenizer, key)
            if not every and tokenizer[key] == default:
                del tokenizer[key]
        if self.decoder_name is not None:
            decoder = {"decoder": {"name": self.decoder_name, **plain(self.decoder, every)}}
        return {
            "rung": self.rung,
            "about": self.about,
            "source": self.source,
            "data": plain(self.data, every),
            "tokenizer": tokenizer,
            "encoder": {"name": self.encoder_name, **plain(self.encoder, every)},
            **decoder,
            "task": {"name": self.task_name, **plain(self.task, every)},
            "training": plain(self.training, every),
            "small_units": self.small_units,
        }

    def to_toml(self) -> str:
        """The whole recipe with every value written out, so that later defaults do not change it. TOML has no
        null: what is None is left out."""
        return tomlkit.dumps(self.tables(every=True))

    def set(self, settings: list[str], under: dict[str, Any] | None = None) -> Recipe:
        """The recipe with `--set table.key=value` applied, in order. Values are TOML; bare words are
        strings. `under`: values that the settings come on top of."""
        return self.with_values((under or {}) | dict(map(_parse_setting, settings)), "--set")

    def with_values(self, values: dict[str, Any], where: str = "settings") -> Recipe:
        """The recipe with {"table.key": value, ...} applied; Problem for a key or value that it cannot
        have. Units of characters or bytes bring `small_units` with them, under what is given."""
        return Recipe.of(_changed(self.tables(), values, where), where if values else self.rung)

    def with_training(self, **changes: Any) -> Recipe:
        return replace(self, training=replace(self.training, **changes))


_DEFAULTS = {"encoder": "lstm", "decoder": "rnn", "task": "classify"}


def encoder_config(name: str) -> Any:
    """The Config of an encoder, or of what is counted in its place; Problem for an unknown name."""
    found = named_class(ENCODERS | COUNTED, name, "encoder.name", "encoder")
    return found if name in COUNTED else found.Config


def rungs(task: str) -> list[str]:
    """The rungs of a task, from the cheapest to the dearest (the numbers of the recipe files)."""
    return [path.stem.partition("-")[2] for path in sorted((RECIPES / task).glob("*.toml"))]


def first(task: str) -> str:
    """The rung of a task that is taken where none is named: the cheapest, or that of FIRST."""
    return FIRST.get(task) or rungs(task)[0]


def task_of(names: Sequence[str], default: str) -> str:
    """The task whose rungs (or recipe files) these all are; `default` where it has them, or no task has."""
    files = {Recipe.load(Path(name)).task_name for name in names if _is_file(name)}
    known = {name for name in names if not name.endswith(".toml")}
    fitting = (task for task in (default, *TASKS) if known <= set(rungs(task)) and files <= {task})
    return next(fitting, default)


def _is_file(name: str) -> bool:
    return name.endswith(".toml") and Path(name).is_file()


def recipe_path(name: str, task: str) -> Path:
    """The file of a rung; Problem for an unknown one."""
    for path in (RECIPES / task).glob(f"*-{name}.toml"):
        if path.stem.partition("-")[2] == name:
            return path
    raise Problem("--rung", f"there is no rung {name!r} for the task {task}.", suggest(name, rungs(task)))


def rung(name: str | None, task: str) -> Recipe:
    """The recipe of a rung, or of a file when `name` ends in .toml; None: of the task's first rung
    (`first`)."""
    task_class(task)  # a Problem for an unknown task
    name = name or first(task)
    if not name.endswith(".toml"):
        return Recipe.load(recipe_path(name, task))
    if not _is_file(name):
        raise Problem(
            name,
            "there is no such recipe file.",
            f"Rungs that come with textladder: {', '.join(rungs(task))}.",
        )
    return Recipe.load(Path(name))


def reading(name: str, task: str, settings: list[str]) -> tuple[DataConfig, TokenizerConfig]:
    """How a rung reads files and cuts texts into units, with `--set table.key=value` applied. The model and
    its training are checked only if a setting is about them, so that `look` need not wait for torch."""
    path, values = recipe_path(name, task), dict(map(_parse_setting, settings))
    document = _changed(_parsed(path), values, "--set")
    if any(setting.partition(".")[0] not in ("data", "tokenizer") for setting in values):
        Recipe.of(document, "--set")
    tables = _tables_of(document, str(path))
    where = "--set" if values else str(path)
    return (
        checked(DataConfig, tables["data"], where, "data"),
        checked(TokenizerConfig, tables["tokenizer"], where, "tokenizer"),
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except OSError as error:
        raise Problem(str(path), f"this recipe cannot be read ({error}).", "Give another file.") from error
    except ParseError as error:
        raise Problem(f"{path}", f"this is not TOML: {error}.", "Mend that line.") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{path}", "this file is not UTF-8 text.", "Save it as UTF-8.") from error


def _tables_of(document: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """The tables of a recipe, whether they are given or not; Problem for keys that no recipe has."""
    known = {"rung", "about", "source", "small_units", *TABLES}
    for key in document:
        if key not in known:
            raise Problem(where, f"there is no table or key {key!r} in a recipe.", suggest(key, known))
    for name in TABLES:
        if not isinstance(document.get(name, {}), dict):
            raise Problem(f"{where}, {name}", "this is a value, not a table.", f"Write [{name}] on a line.")
    return {name: dict(document.get(name, {})) for name in TABLES}


def _changed(document: dict[str, Any], values: dict[str, Any], where: str) -> dict[str, Any]:
    """The document with {"table.key": value, ...} applied, and what comes with these values under them."""
    given = values
    if given.get("tokenizer.units") in SMALL_UNITS:
        values = document.get("small_units", {}) | values
    if "training.epochs" in given:  # epochs that are asked for are not multiplied
        values = {"training.min_steps": 0} | values
    tables = {name: dict(document.get(name, {})) for name in TABLES}
    if not tables["decoder"]:  # unless it is set
        del tables["decoder"]
    for path, value in values.items():
        table, _, key = path.partition(".")
        if table not in TABLES or not key:
            raise Problem(
                f"{where} {path}", f"there is no table {table!r} in a recipe.", suggest(table, TABLES)
            )
        if key == "name":
            raise Problem(
                f"{where} {path}", f"the {table} is chosen by the rung.", "Use --rung, or a recipe file."
            )
        tables.setdefault(table, {})[key] = value
    return document | tables


def _defaults(task: type[Task], tokenizer: dict[str, Any]) -> dict[str, int]:
    """Of [tokenizer] the defaults that are not those of TokenizerConfig."""
    return EVERY_CHARACTER if task.streams and tokenizer.get("units") == "character" else {}


def _named(find: Callable[[str], Any], name: str, where: str) -> Any:
    """The class that `find` has for a name; a Problem also says in which file the name stands."""
    try:
        return find(name)
    except Problem as problem:
        raise Problem(f"{where}, {problem.where}", problem.what, problem.next_step) from problem


def _parse_setting(setting: str) -> tuple[str, Any]:
    path, equals, text = setting.partition("=")
    if not equals or "." not in path:
        raise Problem(
            f"--set {setting}",
            "this is not table.key=value.",
            "Write for example --set encoder.hidden_dim=256",
        )
    try:
        return path.strip(), tomlkit.parse(f"value = {text}").unwrap()["value"]
    except ParseError:
        return path.strip(), text
