"""The encoder that CONTRIBUTING shows, from its page to a trained model."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.reference import ROOT
from tests.contracts import test_encoders
from tests.program import textladder
from textladder.encoders import ENCODERS

CONTRACTS = [
    test_encoders.test_shapes_are_those_promised,
    test_encoders.test_more_padding_changes_nothing,
    test_encoders.test_states_are_zero_at_padding,
    test_encoders.test_a_text_does_not_depend_on_its_batch,
    test_encoders.test_every_parameter_gets_gradient,
    test_encoders.test_bfloat16_agrees_with_float32,
    test_encoders.test_saved_and_loaded_it_gives_the_same,
    test_encoders.test_dropout_is_for_training_only,
]


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file and the line in ENCODERS of steps 1 and 2."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^ *```python\n(.*?)^ *```$", text, re.M | re.S)
    module = ModuleType("textladder.encoders.average")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(textwrap.dedent(code), vars(module))
    monkeypatch.setitem(ENCODERS, "average", f"{module.__name__}:Average")


@pytest.mark.parametrize("contract", CONTRACTS)
def test_it_keeps_the_contract(contract) -> None:
    contract("average", test_encoders.small_config("average"))


def test_a_recipe_trains_it(reviews: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "average.toml"
    recipe.write_text('[encoder]\nname = "average"\n\n[task]\nname = "classify"\n', encoding="utf-8")
    ended = textladder(
        "train", reviews, "--rung", recipe, "--out", tmp_path / "run", "--set", "training.epochs=3"
    )
    assert ended.code == 0, ended.err
    assert textladder("predict", tmp_path / "run", stdin="A lovely film.\n").code == 0
