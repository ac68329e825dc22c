"""The Transformer and the search of the benchmarks' peers: transformers' Pegasus with our weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.ours import translation as ours
from benchmarks.peers import hf_seq2seq as peers
from textladder import recipe, translating
from textladder.model import Model
from textladder.ragged import Ragged
from textladder.tasks.translate import Translate
from textladder.text.tokenizing import BEGIN, END, UNKNOWN, Tokenizer

WORDS = [f"w{number}" for number in range(30)]
SOURCES = ["w1 w2 w3", "w9", "w4 w4 w5 w6 w7 w8 w9"]
BEAM = 4
SMALL = [
    *("tokenizer.units=whitespace", "encoder.embedding_dim=16", "encoder.feedforward_dim=32"),
    *(
        "decoder.embedding_dim=16",
        "decoder.feedforward_dim=32",
        "encoder.num_layers=2",
        "decoder.num_layers=2",
    ),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Any, dict[str, Any]]:
    """A model with random weights, transformers' with the same, and what was written beside them."""
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("pegasus")
    torch.manual_seed(3)
    chosen = recipe.rung("transformer", "translate").set(SMALL)
    tokenizer = Tokenizer.of_vocabulary(WORDS, chosen.tokenizer)
    labels = Translate.spelled({"labels": []}, tokenizer, [Ragged.of_strings(SOURCES)])
    model = Model(chosen, tokenizer, labels).eval()
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.2)
    translating.task_of(model).output.bias.data[END - 1] -= 2  # texts of some length
    model.save(folder / "model")
    sources = folder / "sources.txt"
    Path(sources).write_text("\n".join(SOURCES) + "\n", encoding="utf-8")
    ours.export(str(folder / "model"), str(sources), str(folder / "weights"), BEAM, 0.0)
    return model, *peers.loaded(str(folder / "weights"))


def test_the_weights_mean_the_same(both: Any) -> None:
    """Log-probabilities of given translations."""
    model, theirs, _ = both
    pairs = [(source, " ".join(WORDS[3:9])) for source in SOURCES]
    for (source, target), nats in zip(pairs, translating.log_probabilities(model, pairs), strict=True):
        ids, units = (torch.tensor([model.tokenizer.encode_one(text).tolist()]) for text in (source, target))
        prefix = torch.cat([torch.tensor([[BEGIN]]), units], 1)
        wanted = torch.cat([units[0], torch.tensor([END])])
        with torch.no_grad():
            logits = theirs(ids, decoder_input_ids=prefix).logits[0]
        given = logits.log_softmax(-1).gather(1, wanted[:, None])[:, 0]
        torch.testing.assert_close(torch.from_numpy(nats), given, rtol=0, atol=1e-4)


def test_beams_end_at_the_same_translations(both: Any) -> None:
    model, theirs, said = both
    options = translating.options_of(model, beam=BEAM, length_penalty=0.0, n=2)
    for source, ids, longest in zip(SOURCES, said["sources"], said["longest"], strict=True):
        given = theirs.generate(
            torch.tensor([ids]),
            num_beams=BEAM,
            num_return_sequences=2,
            length_penalty=0.0,
            do_sample=False,
            max_new_tokens=longest,
            suppress_tokens=[UNKNOWN],
            return_dict_in_generate=True,
            output_scores=True,
        )
        (found,) = translating.translate(model, [source], options)
        scores = torch.tensor([one.log_probability for one in found])
        torch.testing.assert_close(scores, given.sequences_scores, rtol=0, atol=1e-3)
        written = [peers.plain(row[1:]) for row in given.sequences.tolist()]
        assert [one.text for one in found] == [translating.task_of(model).spell(units) for units in written]
    assert [peers.plain(units) for units in said["translations"]] != [[]] * len(SOURCES)
