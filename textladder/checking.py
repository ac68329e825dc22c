"""Values and names that a user wrote (TOML, `--set`) against what they are for: a frozen dataclass, a dict of
names."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter, ValidationError

from textladder.errors import Problem, suggest


def checked(config: type, values: dict[str, Any], where: str, table: str) -> Any:
    """values -> config(**values), with unknown keys and wrong types refused by name."""
    hints = typing.get_type_hints(config, include_extras=True)
    names = [field.name for field in fields(config)]
    ready = {}
    for key, value in values.items():
        if key not in names:
            raise Problem(f"{where}, [{table}]", f"there is no option {table}.{key}.", suggest(key, names))
        try:
            # As strict JSON: a list may be a tuple and 1 may be 1.0, but "3" is not 3.
            ready[key] = TypeAdapter(hints[key]).validate_json(json.dumps(value), strict=True)
        except (ValidationError, TypeError) as error:
            said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            # Choices and ranges are told in the next step.
            why = "" if _every_choice(hints[key]) or _range(hints[key]) else f": {said[0].lower()}{said[1:]}"
            raise Problem(
                f"{where}, {table}.{key}",
                f"{_as_written(value)} will not do{why}.",
                f"It must be {_type_in_words(hints[key])}.{_near(value, hints[key])}",
            ) from error
    missing = [
        f.name
        for f in fields(config)
        if f.default is MISSING and f.default_factory is MISSING and f.name not in ready
    ]
    if missing:
        raise Problem(f"{where}, [{table}]", f"{', '.join(missing)} must be given.", "Add it to the recipe.")
    try:
        return config(**ready)
    except Problem as problem:  # of values that have the right type but do not go together
        raise Problem(f"{where}, {problem.where}", problem.what, problem.next_step) from problem


def named_class(known: Mapping[str, str], name: str, where: str, what: str) -> Any:
    """The class behind a name (known: name -> "module:Class"), imported when asked for; Problem for an
    unknown name."""
    if name not in known:
        raise Problem(where, f"there is no {what} {name!r}.", suggest(name, known))
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)


def plain(config: Any, every: bool) -> dict[str, Any]:
    """A Config as a table of TOML values."""
    table = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if value is None or (not every and value == f.default):
            continue
        table[f.name] = list(value) if isinstance(value, tuple) else value
    return table


def _as_written(value: Any) -> str:
    """As the user wrote it: TOML has true and false, not True and False."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _range(hint: Any) -> str:
    """What a type of `ranges.py` says of itself."""
    return next((said for said in getattr(hint, "__metadata__", ()) if isinstance(said, str)), "")


def _type_in_words(hint: Any) -> str:
    if said := _range(hint):
        return said
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        type(None): "left out",
    }
    parts = typing.get_args(hint)
    if parts and typing.get_origin(hint) is tuple:
        said = _range(parts[0])
        return f"a list, each of it {said}" if said else "a list"
    if parts:
        choices = _every_choice(hint)  # of several Literals one list
        each = [f"one of {', '.join(choices)}"] if choices else []
        each += [_type_in_words(part) for part in parts if not _choices(part)]
        return " or ".join(dict.fromkeys(each))
    return words.get(hint, str(hint))


def _near(value: Any, hint: Any) -> str:
    """Did you mean ...? for a word that is none of the few that are allowed."""
    choices = _every_choice(hint)
    near = get_close_matches(value, choices, n=1) if isinstance(value, str) else []
    return f" Did you mean {near[0]}?" if near else ""


def _choices(hint: Any) -> list[str]:
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    return [choice for choice in choices if isinstance(choice, str)]


def _every_choice(hint: Any) -> list[str]:
    """Also of the parts of a union."""
    return [choice for part in (hint, *typing.get_args(hint)) for choice in _choices(part)]
