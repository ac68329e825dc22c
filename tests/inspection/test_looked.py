"""Maps of what a translator looked at: every layer and head, each under its own name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.test_translating import small, words
from textladder import Translator, translating
from textladder.batch import Tokens
from textladder.inspection.looked import looked_at
from textladder.text.tokenizing import BEGIN

LAYERS, HEADS = 2, 2
SOURCE, TARGET = "abcd", "dc"
READ = "(alignments are read from it)"


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "pointer"])
def trained(request: pytest.FixtureRequest) -> Translator:
    """After one epoch its layers and heads look at different things."""
    given = {"decoder__num_layers": LAYERS, "decoder__num_heads": HEADS, "task__copying": request.param}
    texts = words(200, 4)
    return small("transformer", training__epochs=1, **given).fit(texts, [text[::-1] for text in texts])


def test_every_layer_and_head_has_its_own_map(trained: Translator) -> None:
    model, task = trained.model_, translating.task_of(trained.model_)
    maps = {one.name: one for one in looked_at(model, SOURCE, target=TARGET).maps}
    means = [f"layer {layer}, the mean of its heads" for layer in (1, 2)]
    firsts = [f"{means[0]} {READ}", means[1]]
    if task.pointer is not None:
        firsts = [f"pointer {READ}", *means]
    heads = [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2)]
    assert list(maps)[: len(firsts) + len(heads)] == firsts + heads

    source, units = (model.tokenizer.encode_one(text).tolist() for text in (SOURCE, TARGET))
    found: list[torch.Tensor] = []
    with model.predicting(), torch.no_grad():
        ids = Tokens.of_rows([source])
        task.decoder(Tokens.of_rows([[BEGIN, *units]]), model.encoder(ids), found)
    assert [layer.shape for layer in found] == [(1, HEADS, len(TARGET) + 1, len(SOURCE))] * LAYERS
    shares = [layer[0].numpy() for layer in found]
    for layer, of_layer in enumerate(shares):
        name = firsts[0] if layer == 0 and task.pointer is None else means[layer]
        np.testing.assert_allclose(maps[name].shares, of_layer.mean(0), atol=1e-5)
        for head, wanted in enumerate(of_layer):
            np.testing.assert_allclose(maps[heads[layer * HEADS + head]].shares, wanted, atol=1e-5)
    flat = np.concatenate(shares).reshape(LAYERS * HEADS, -1)
    for first, one in enumerate(flat):
        assert all(abs(one - other).max() > 1e-3 for other in flat[:first]), "maps that cannot be mistaken"
    for one in maps.values():
        assert (one.rows, one.columns) == (["d", "c", "</s>"], list(SOURCE))
