"""Recipes: TOML in and out without loss, and a Problem for all that is not one."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textladder import recipe
from textladder.encoders import ENCODERS, encoder_class
from textladder.errors import Problem
from textladder.recipe import Recipe
from textladder.tasks import TASKS, task_class
from textladder.text.reading import DataConfig
from textladder.text.tokenizing import TokenizerConfig
from textladder.training.options import TrainingConfig

RUNGS = recipe.rungs("classify")
CONFIGS = {
    "data": DataConfig,
    "tokenizer": TokenizerConfig,
    "training": TrainingConfig,
    **{f"encoder {name}": encoder_class(name).Config for name in ENCODERS},
    **{f"task {name}": task_class(name).Config for name in TASKS},
}


def written(text: str, folder: Path) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def lstm() -> Recipe:
    return recipe.rung("lstm", "classify")


@pytest.mark.parametrize("rung", RUNGS)
def test_round_trip(rung: str, tmp_path: Path) -> None:
    chosen = recipe.rung(rung, "classify")
    again = Recipe.load(written(chosen.to_toml(), tmp_path))
    assert again == chosen
    assert again.to_toml() == chosen.to_toml()
    assert chosen.rung == rung
    assert chosen.about
    assert chosen.source


@pytest.mark.parametrize("table", CONFIGS)
def test_only_what_is_left_out_can_be_nothing(table: str) -> None:
    """TOML has no null, so `to_toml` leaves None out: right as long as None is the default."""
    hints = get_type_hints(CONFIGS[table])
    for field in fields(CONFIGS[table]):
        if type(None) in get_args(hints[field.name]):
            assert field.default is None, field.name
        assert field.default is not MISSING or field.default_factory is not MISSING, field.name


def test_values_that_differ_from_a_default_of_nothing(lstm: Recipe, tmp_path: Path) -> None:
    changed = lstm.with_training(max_steps=7, max_seconds=1.5)
    changed = replace(changed, data=replace(changed.data, text='a "quoted" column\n', label="étiquette"))
    again = Recipe.load(written(changed.to_toml(), tmp_path))
    assert again == changed
    assert again.with_values({"training.max_steps": None}).training.max_steps is None


def test_later_defaults_do_not_change_a_recipe(lstm: Recipe) -> None:
    tables = lstm.tables(every=True)
    for table, config in (("training", TrainingConfig), ("tokenizer", TokenizerConfig)):
        written_out = {
            field.name for field in fields(config) if getattr(getattr(lstm, table), field.name) is not None
        }
        assert set(tables[table]) == written_out


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("encoder.hidden_dim", "64"),
        ("encoder.hidden_dim", 1.5),
        ("encoder.hidden_dim", True),
        ("encoder.hidden_dim", [64]),
        ("encoder.hidden_dim", {"a": 1}),
        ("encoder.bidirectional", 1),
        ("encoder.bidirectional", "true"),
        ("encoder.dropout", "0.5"),
        ("encoder.pooling", "sum of all"),
        ("tokenizer.units", 3),
        ("training.betas", [0.9]),
        ("training.betas", 0.9),
        ("training.max_steps", "many"),
        ("data.text", 5),
        ("task.head", None),
    ],
)
def test_wrong_types_are_named(path: str, value: Any, lstm: Recipe) -> None:
    with pytest.raises(Problem, match=path) as told:
        lstm.with_values({path: value})
    assert told.value.next_step.startswith("It must be ")


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("encoder.hiden_dim", "hidden_dim"),
        ("training.learning_rat", "learning_rate"),
        ("trainin.epochs", "training"),
        ("tokenizer.unit", "units"),
    ],
)
def test_unknown_keys_suggest_the_near_ones(path: str, near: str, lstm: Recipe) -> None:
    with pytest.raises(Problem) as told:
        lstm.with_values({path: 1})
    assert f"Did you mean {near}" in told.value.next_step


def test_whole_numbers_are_numbers(lstm: Recipe) -> None:
    assert lstm.with_values({"training.epochs": 3}).training.epochs == 3.0
    mlp = recipe.rung("mlp", "classify").with_values({"encoder.hidden_dims": [8, 4]})
    assert mlp.encoder.hidden_dims == (8, 4)


def test_set(lstm: Recipe) -> None:
    changed = lstm.set(
        [
            "encoder.hidden_dim=64",
            "encoder.hidden_dim = 32",
            "tokenizer.units=bpe",
            'data.text="a = b"',
            "data.label=two words",
            "training.betas=[0.8, 0.9]",
            "encoder.bidirectional=true",
        ]
    )
    assert (changed.encoder.hidden_dim, changed.encoder.bidirectional) == (32, True)
    assert changed.tokenizer.units == "bpe"
    assert (changed.data.text, changed.data.label) == ("a = b", "two words")
    assert changed.training.betas == (0.8, 0.9)
    assert lstm.set([]) == lstm


@pytest.mark.parametrize(
    "setting",
    ["encoder.hidden_dim", "hidden_dim=3", "=3", "encoder.=3", "encoder.name=gru", "task.name=tag", "a.b=c"],
)
def test_set_that_is_none(setting: str, lstm: Recipe) -> None:
    with pytest.raises(Problem, match="--set"):
        lstm.set([setting])


@given(st.text(max_size=30))
def test_no_text_after_the_equals_sign_is_a_crash(value: str) -> None:
    chosen = recipe.rung("bow", "classify")
    try:
        changed = chosen.set([f"data.text={value}"])
    except Problem:
        return
    assert isinstance(changed.data.text, str)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rung = [", "not TOML"),
        ("[encoder]\nname = 'lstm'\n[task]\n", r"\[task\] has no name"),
        ("[task]\nname = 'classify'\n", r"\[encoder\] has no name"),
        ("[encoder]\nname = 'lstn'\n[task]\nname = 'classify'\n", "no encoder 'lstn'"),
        ("[encoder]\nname = 'lstm'\n[task]\nname = 'clasify'\n", "no task 'clasify'"),
        ("encoder = 'lstm'\n[task]\nname = 'classify'\n", "not a table"),
        ("[enocder]\nname = 'lstm'\n", "no table or key 'enocder'"),
        ("[encoder]\nname = 'lstm'\n[task]\nname = 'classify'\n[data]\ntext = 2020-01-01\n", "data.text"),
        (
            "[encoder]\nname = 'lstm'\n[task]\nname = 'classify'\n[training]\nepochs = nan\n",
            "training.epochs",
        ),
    ],
)
def test_files_that_are_no_recipe(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=said):
        recipe.rung(str(written(text, tmp_path)), "classify")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such recipe file"):
        recipe.rung(str(tmp_path / "none.toml"), "classify")
    with pytest.raises(Problem, match="cannot be read"):
        Recipe.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"about = '\xe9'")
    with pytest.raises(Problem, match="not UTF-8"):
        Recipe.load(tmp_path / "latin.toml")


def test_a_copied_and_changed_recipe(tmp_path: Path) -> None:
    text = recipe.recipe_path("gru", "classify").read_text().replace('rung = "gru"', 'rung = "mine"')
    chosen = recipe.rung(str(written(text, tmp_path)), "classify")
    assert chosen.rung == "mine"
    assert chosen.encoder == recipe.rung("gru", "classify").encoder


def test_unknown_rungs_and_tasks() -> None:
    with pytest.raises(Problem) as told:
        recipe.rung("bilstn", "classify")
    assert "Did you mean bilstm" in told.value.next_step
    with pytest.raises(Problem, match="no task"):
        recipe.rung("lstm", "clasify")


@pytest.mark.parametrize("task", TASKS)
def test_without_a_name_it_is_the_cheapest_rung_but_for_translators(task: str) -> None:
    wanted = "rnn-attention" if task == "translate" else recipe.rungs(task)[0]
    assert recipe.rung(None, task).rung == wanted
    assert recipe.rung(None, task).task_name == task


def test_language_models_know_every_character_unless_told_otherwise(tmp_path: Path) -> None:
    def limits(chosen: Recipe) -> tuple[int, int]:
        return chosen.tokenizer.min_count, chosen.tokenizer.vocabulary_size

    every, default = (1, 0x110000 + 4), (2, 30_000)
    for rung in recipe.rungs("language"):
        words = recipe.rung(rung, "language")
        assert limits(words) == default
        characters = words.with_values({"tokenizer.units": "character"})
        assert limits(characters) == every
        assert limits(characters.with_values({"tokenizer.units": "word"})) == default
        assert limits(words.with_values({"tokenizer.units": "byte"})) == default
        saved = Recipe.load(written(characters.to_toml(), tmp_path))
        assert saved == characters
        given = saved.with_values({"tokenizer.min_count": 2, "tokenizer.vocabulary_size": 30_000})
        assert limits(given) == default
        assert limits(given.with_values({"training.epochs": 1})) == default
    other = recipe.rung("lstm", "classify").with_values({"tokenizer.units": "character"})
    assert limits(other) == default
