"""Translators: with a pointer or without, step by step as all at once; histories of their own; what several
say together."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contracts.samples import TWO, VOCABULARY, Mean, Sample, batch_of
from textladder import recipe
from textladder.batch import Batch, Tokens
from textladder.decoders import DECODERS, decoder_class
from textladder.encoders.attention import SelfAttention
from textladder.errors import Problem
from textladder.layers.softmax import FIRST
from textladder.preparing import Data, Part, prepare
from textladder.ragged import Ragged
from textladder.search import SearchConfig
from textladder.tasks.histories import mixed, share_at
from textladder.tasks.translate import Translate
from textladder.tasks.writing import NEVER
from textladder.text.corpus import Corpus
from textladder.text.tokenizing import BEGIN, END
from textladder.trainer import Trainer

D = 8
WIDTHS = {"embedding_dim": D, "hidden_dim": D, "feedforward_dim": 16, "num_layers": 1, "num_heads": 2}
NO_DROPOUT = {"dropout": 0.0, "input_dropout": 0.0}
TARGETS = ("film good", "film bad", "plot fine", "ends awful plot", "well ends", "awful bad")
POINTERS = {
    "none": {},
    "copying": {"copying": True},
    "coverage": {"coverage": 1.0},
    "both": {"copying": True, "coverage": 0.5},
}
each_decoder = pytest.mark.parametrize("decoder", DECODERS)
each_pointer = pytest.mark.parametrize("pointer", POINTERS)


def built(decoder: str, seed: int = 0, **options: Any) -> tuple[Translate, Mean, Batch]:
    """A task with random weights, all of a size that matters, its encoder, and a batch."""
    names = decoder_class(decoder).Config.__dataclass_fields__
    widths = {name: value for name, value in (WIDTHS | NO_DROPOUT).items() if name in names}
    if decoder == "rnn":  # the pointer's attention is the only one
        widths["attention"] = "none"
    given = {"length_extra": 4, "label_smoothing": 0.0, "tied": "target"} | options
    sample = Sample("translate", TWO, TARGETS, given, (decoder, widths))
    task, encoder = sample.build(D, seed), Mean(D, seed)
    assert isinstance(task, Translate)
    draw = torch.Generator().manual_seed(seed)
    for parameter in task.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=draw))
    task.tie(None)
    return task, encoder, batch_of(task, sample.examples)


@torch.no_grad()
def stepped(task: Translate, encoder: Mean, batch: Batch) -> Tensor:
    """[N, V] log-probabilities, unit by unit."""
    (source,), (prefix, _) = batch.inputs, batch.target
    state, found = task.begin(encoder(source), source), []
    for column in prefix.ids.T:
        said, state = task.step(column, state)
        found.append(task.log_probs(said))
    return torch.stack(found, 1)[prefix.mask]


@each_decoder
@each_pointer
@torch.no_grad()
def test_steps_give_what_the_whole_target_gets(decoder: str, pointer: str) -> None:
    task, encoder, batch = built(decoder, **POINTERS[pointer])
    task.eval()
    found, units = stepped(task, encoder, batch), batch.target[1]
    torch.testing.assert_close(found.exp().sum(1), torch.ones(len(units)))
    nats, _, _ = task.forced(encoder, batch)
    torch.testing.assert_close(found.gather(1, units[:, None])[:, 0], nats, rtol=1e-4, atol=1e-5)
    assert float(task.loss(encoder, batch).total) >= -float(nats.sum()) - 1e-4, "coverage only costs"
    assert (task.pointer is not None) == (pointer != "none")


@each_decoder
@pytest.mark.parametrize("pointer", ["none", "copying", "both"])
def test_a_search_gives_the_scores_of_forced_decoding(decoder: str, pointer: str) -> None:
    task, encoder, batch = built(decoder, **POINTERS[pointer])
    # Some texts shall have an end; the vectors of convolutions are long.
    task.eval().output.bias.data[END - FIRST] += 5 if decoder == "conv" else 2
    options = SearchConfig(length=6, beam=4, n=4)
    ended = 0
    for row, hypotheses in enumerate(task.search(encoder, batch.inputs[0], options)):
        for one in hypotheses:
            rows = {
                "text": batch.inputs[0].ids[row, : batch.inputs[0].lengths[row]].tolist(),
                "label": one.ids,
            }
            forced = task.collate({name: Ragged.of([ids]) for name, ids in rows.items()})
            nats, _, maps = task.forced(encoder, forced, aligned=True)
            assert one.log_probability == pytest.approx(float(nats.detach().sum()), abs=1e-4)
            assert not set(one.ids) & set(NEVER)
            ended += one.finished
            if pointer == "none" and not task.attends:
                assert maps == []
                continue
            shares = task.aligning(maps)
            heads = WIDTHS["num_heads"] if (decoder, pointer) == ("attention", "none") else 1
            assert shares.shape == (1, heads, len(one.ids), len(rows["text"]))
            torch.testing.assert_close(shares.sum(-1), torch.ones(1, heads, len(one.ids)))
    assert ended, "no text has an end"


def test_a_unit_of_the_source_alone_can_be_written() -> None:
    """The output layer is made to give a unit next to nothing, and the gate to copy."""
    task, encoder, batch = built("rnn", copying=True)
    assert task.pointer is not None
    assert task.pointer.gate is not None
    task.pointer.gate.bias.data.fill_(-12.0)
    task.pointer.gate.weight.data.zero_()
    source = batch.inputs[0]
    for row, hypotheses in enumerate(task.eval().search(encoder, source, SearchConfig(length=1, beam=2))):
        assert hypotheses[0].ids[0] in source.ids[row].tolist()


def test_wrong_options_of_the_pointer() -> None:
    with pytest.raises(Problem, match=r"task\.coverage"):
        built("rnn", coverage=-1.0)


# Tables that are one.


def transformer(tied: str) -> tuple[Translate, SelfAttention, Batch]:
    """With an encoder of its own, before its tables are tied."""
    shape = {"embedding_dim": D, "num_heads": 2, "feedforward_dim": 16, "num_layers": 1}
    given = {"tied": tied, "label_smoothing": 0.1}
    sample = Sample("translate", TWO, TARGETS, given, ("attention", shape | NO_DROPOUT))
    torch.manual_seed(1)
    task = sample.build(D, 1)
    assert isinstance(task, Translate)
    config = SelfAttention.Config(**shape, **NO_DROPOUT, embedding_dropout=0.0, word_dropout=0.0)
    return task, SelfAttention(config, VOCABULARY), batch_of(task, sample.examples)


def test_one_table_gets_the_gradients_of_three() -> None:
    """Source, target and output, which have the same rows in another model that keeps them apart."""
    apart, reads, batch = transformer("none")
    tied, shares, _ = transformer("all")
    tied.tie(shares.embedding)
    shares.load_state_dict(reads.state_dict())
    same = {name: value for name, value in apart.state_dict().items() if name in tied.state_dict()}
    tied.load_state_dict(same)
    table = shares.embedding.weight
    assert apart.decoder.own is not None
    assert apart.output.weight is not None
    apart.decoder.own.weight.data.copy_(table.data)
    apart.output.weight.data.copy_(table.data[1:])  # <pad> is not predicted
    missing = set(apart.state_dict()) - set(tied.state_dict())
    assert missing == {"decoder.own.weight", "output.weight"}, "they are nowhere else"
    losses = apart.loss(reads, batch).total, tied.loss(shares, batch).total
    torch.testing.assert_close(losses[0], losses[1])
    for loss in losses:
        loss.backward()
    three = [reads.embedding.weight.grad, apart.decoder.own.weight.grad, apart.output.weight.grad]
    source, target, output = three
    assert source is not None
    assert target is not None
    assert output is not None
    wanted = source + target + F.pad(output, (0, 0, 1, 0))
    torch.testing.assert_close(table.grad, wanted, rtol=1e-4, atol=1e-5)


# Scheduled sampling.


def test_shares_follow_their_schedules() -> None:
    places = (0.0, 0.25, 0.5, 1.0)
    assert [share_at(0.4, "linear", done) for done in places] == pytest.approx([0, 0.1, 0.2, 0.4])
    assert [share_at(0.4, "constant", done) for done in places] == [0.4] * 4
    truth = [1 - share_at(0.4, "exponential", done) for done in places]
    assert truth == pytest.approx([1, 0.6**0.25, 0.6**0.5, 0.6])
    sigmoid = [share_at(0.4, "sigmoid", done) for done in places]
    assert sigmoid == pytest.approx([0.4 / (1 + math.exp(6 - 12 * done)) for done in places])
    assert sigmoid[2] == pytest.approx(0.2)


@torch.no_grad()
def best_after(task: Translate, encoder: Mean, source: Tokens, row: int, prefix: list[int]) -> int:
    """The most probable unit after a prefix that can stand in a text, all computed anew."""
    memory = encoder(source)
    texts = Tokens.of_rows([prefix if other == row else [BEGIN] for other in range(len(source))])
    said = task.log_probs(task.said(memory, source, texts))[int(texts.offsets[row + 1]) - 1]
    return int(said.index_fill(0, torch.tensor([*NEVER, END]), -math.inf).argmax())


@each_decoder
@pytest.mark.parametrize("pointer", ["none", "both"])
def test_histories_are_what_the_model_would_write(decoder: str, pointer: str) -> None:
    """All of them its own: a recurrent decoder goes on from its own units, others answer to the truth."""
    task, encoder, batch = built(decoder, **POINTERS[pointer])
    (source,), (prefix, _) = batch.inputs, batch.target
    found = mixed(task, encoder(source), source, prefix, 1.0)
    for row in range(len(source)):
        truth = prefix.ids[row, : prefix.lengths[row]].tolist()
        wanted = [BEGIN]
        for place in range(1, len(truth)):
            known = wanted if decoder == "rnn" else truth[:place]
            wanted.append(best_after(task, encoder, source, row, known))
        assert found.ids[row, : len(truth)].tolist() == wanted
    assert any(found.flat != prefix.flat)


@each_decoder
def test_some_units_are_drawn_by_the_seed(decoder: str) -> None:
    task, encoder, batch = built(decoder)
    (source,), (prefix, _) = batch.inputs, batch.target
    memory, found = encoder(source), []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        found.append(mixed(task, memory, source, prefix, 0.5).flat.tolist())
    assert found[0] == found[1] != found[2]
    assert mixed(task, memory, source, prefix, 0.0).flat.tolist() == prefix.flat.tolist()
    torch.manual_seed(3)
    own = torch.rand(len(prefix.flat)) < 0.5
    kept = ~own | (prefix.flat == BEGIN)
    assert torch.equal(torch.tensor(found[0])[kept], prefix.flat[kept])


def test_the_loss_is_that_of_the_truth_after_mixed_histories() -> None:
    task, encoder, batch = built("attention", scheduled_sampling=0.5, sampling_schedule="constant")
    plain = task.loss(encoder, batch).total
    task.proceed(0.5)
    torch.manual_seed(1)
    total = task.loss(encoder, batch).total
    torch.manual_seed(1)
    (source,), (prefix, units) = batch.inputs, batch.target
    histories = mixed(task, encoder(source), source, prefix, 0.5)
    nats = -task.losses(task.said(encoder(source), source, histories), units)
    torch.testing.assert_close(total, -nats.sum())
    assert not torch.allclose(total, plain)
    assert torch.equal(task.eval().loss(encoder, batch).total, plain), "only while it is trained"


class Stop(Exception):  # noqa: N818
    """What stops a run in this test."""


@pytest.mark.parametrize("rung", ["rnn-attention", "transformer"])
def test_a_run_with_histories_of_its_own_is_resumed_bit_for_bit(
    rung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {f"{part}.embedding_dim": 8 for part in ("encoder", "decoder")}
    names = {"rnn-attention": ("hidden_dim",), "transformer": ("feedforward_dim", "num_layers")}[rung]
    small |= {
        f"{part}.{name}": 1 if name == "num_layers" else 8
        for part in ("encoder", "decoder")
        for name in names
    }
    chosen = recipe.rung(rung, "translate").with_values({
        **small, "tokenizer.units": "character", "task.scheduled_sampling": 0.6, "task.copying": True,
        "task.coverage": 0.5, "training.batch_texts": 8, "training.epochs": 2, "training.save_seconds": 0.0,
        "training.average": "last", "training.average_checks": 2, "training.precision": "float32",
        "training.seed": 5,
    })  # fmt: skip
    texts = ["".join(np.random.default_rng(row).choice(list("abcd"), 1 + row % 5)) for row in range(40)]
    corpus = Corpus.of(texts, None, "texts", [text[::-1] for text in texts])
    data = Data(Part(corpus, np.arange(32)), Part(corpus, np.arange(32, 40)), None, ())
    shares = list[float]()
    plain = Translate.loss

    def noted(self: Translate, encode: Any, batch: Batch) -> Any:
        shares.append(self._own)
        return plain(self, encode, batch)

    monkeypatch.setattr(Translate, "loss", noted)

    def train(name: str, stop: int | None = None, resume: bool = False) -> dict[str, Tensor]:
        trainer = Trainer(
            chosen, data, prepare(chosen, data, tmp_path / "work"), tmp_path / name, device="cpu"
        )
        record = trainer._record

        def stopping(taken: Any, log: Any) -> None:
            record(taken, log)
            if taken.step == stop:
                raise Stop

        monkeypatch.setattr(trainer, "_record", stopping)
        trainer.train(resume)
        return trainer.model.state_dict()

    whole = train("whole")
    told = list(shares)
    assert told == pytest.approx([0.6 * step / 8 for step in range(8)])
    shares.clear()
    with pytest.raises(Stop):
        train("parts", stop=4)
    parts = train("parts", resume=True)
    assert shares[:4] == told[:4]
    assert shares[4:] == told[3:], "what was not saved is done again"
    for name, value in whole.items():
        assert torch.equal(parts[name], value), name
