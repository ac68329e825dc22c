"""Several translators as one: the mean of the probabilities that they give each unit."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from textladder.errors import Problem
from textladder.model import Model
from textladder.tasks.task import Encode
from textladder.tasks.translate import Translate
from textladder.text.tokenizing import Tokenizer


def ensemble(models: Sequence[Model], names: Sequence[str] = ()) -> Model:
    """A model that searches and scores by the mean of the probabilities that these translators give each unit
    after those before it. All else that it says is the first's, such as alignments and the options of its
    search. The models may be of any rungs. names: of the models in messages.

    Raises Problem where they cut texts into other units, and where the texts of the first are longer than the
    positions of another.
    """
    first, *others = models
    names = names or [f"model {number}" for number in range(1, len(models) + 1)]
    for other, name in zip(others, names[1:], strict=True):
        if _cutting(other.tokenizer) != _cutting(first.tokenizer):
            raise Problem(
                f"{names[0]}, {name}",
                "these models cut texts into other units: their probabilities have no mean.",
                "Train both on the same files with the same [tokenizer], such as with --seed 2.",
            )
        longest, places = first.recipe.tokenizer.max_length, other.encoder.max_length
        if places is not None and places < longest:
            what = f"{names[0]} reads texts of {longest} units, and this one has {places} positions."
            raise Problem(name, what, f"Give {name} first.")
    joined, task = copy(first), copy(_task_of(first))
    joined._modules = first._modules | {"task": task}
    joined.recipe = replace(first.recipe, rung=" + ".join(model.recipe.rung for model in models))
    task.fellows += tuple(both for other in others for both in _writers(other))
    return joined


def _task_of(model: Model) -> Translate:
    assert isinstance(model.task, Translate), "a translator"
    return model.task


def _writers(model: Model) -> Sequence[tuple[Encode, Translate]]:
    task = _task_of(model.eval())
    return (model.encoder, task), *task.fellows


def _cutting(tokenizer: Tokenizer) -> tuple[object, ...]:
    """All that decides which units a text is cut into."""
    return tokenizer.to_json(), tokenizer.config.html, tokenizer.config.ends
