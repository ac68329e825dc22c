"""The `gpt` rung is GPT-2: what transformers gives with the same weights, with and without a cache."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from textladder.batch import Tokens
from textladder.encoders.attention import SelfAttention
from textladder.layers.softmax import UnitSoftmax
from textladder.search import SearchConfig, sample
from textladder.text.tokenizing import BEGIN

PAD = 0
UNITS, DIM, HEADS, LAYERS, POSITIONS = 50, 32, 4, 3, 24
GPT2 = SelfAttention.Config(
    embedding_dim=DIM,
    num_layers=LAYERS,
    num_heads=HEADS,
    feedforward_dim=4 * DIM,
    positions="learned",
    max_length=POSITIONS,
    causal=True,
    activation="gelu_tanh",
    scale_embedding=False,
    initialization="gpt2",
    pooling="last",
    embedding_dropout=0.0,
    word_dropout=0.0,
    dropout=0.0,
)


def gpt(seed: int = 0, **changes: Any) -> SelfAttention:
    torch.manual_seed(seed)
    config = dataclasses.replace(GPT2, **changes)
    return SelfAttention(config, [str(unit) for unit in range(UNITS)]).eval()


def ids_of(texts: int, units: int, seed: int = 0) -> Tensor:
    """Without <pad>, whose row is zero here and any vector there."""
    return torch.randint(1, UNITS, (texts, units), generator=torch.Generator().manual_seed(seed))


def states_of(encoder: SelfAttention, ids: Tensor) -> Tensor:
    with torch.no_grad():
        return encoder(Tokens.of_rows(ids.tolist())).states


def steps_of(encoder: SelfAttention, ids: Tensor) -> Tensor:
    state, found = encoder.start(len(ids)), []
    with torch.inference_mode():
        for column in ids.unbind(1):
            vectors, state = encoder.step(column, state)
            found.append(vectors)
    return torch.stack(found, 1)


# Against transformers.


def copy_weights(theirs: Any, encoder: Any, output: UnitSoftmax) -> None:
    """GPT-2 of transformers to ours; its `Conv1D` is a linear map with its matrix the other way."""
    body = theirs.transformer
    pairs = [(encoder.embedding, body.wte), (encoder.positions.table, body.wpe), (encoder.norm, body.ln_f)]
    for layer, block in zip(encoder.layers, body.h, strict=True):
        pairs += [
            (layer.attention_norm, block.ln_1),
            (layer.attention.projection, block.attn.c_attn),
            (layer.attention.output, block.attn.c_proj),
            (layer.feedforward_norm, block.ln_2),
            (layer.widen, block.mlp.c_fc),
            (layer.narrow, block.mlp.c_proj),
        ]
    with torch.no_grad():
        for mine, other in pairs:
            turned = type(other).__name__ == "Conv1D"
            mine.weight.copy_(other.weight.T if turned else other.weight)
            if getattr(mine, "bias", None) is not None:
                mine.bias.copy_(other.bias)
        output.bias.zero_()
    output.tie(encoder.embedding.weight)


@pytest.fixture(scope="module")
def pair() -> tuple[Any, SelfAttention, UnitSoftmax]:
    """transformers' GPT-2 with random weights, and ours with the same."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=UNITS, n_positions=POSITIONS, n_embd=DIM, n_layer=LAYERS, n_head=HEADS, eos_token_id=3
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():  # norms and biases too, which begin at one and zero
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    encoder, output = gpt(), UnitSoftmax(DIM, UNITS)
    copy_weights(theirs, encoder, output)
    return theirs, encoder, output


def test_logits_are_those_of_transformers(pair: Any) -> None:
    theirs, encoder, output = pair
    ids = ids_of(3, POSITIONS)
    with torch.no_grad():
        wanted = theirs(ids).logits
        for states in (states_of(encoder, ids), steps_of(encoder, ids)):
            torch.testing.assert_close(F.linear(states, output._tied[0]), wanted, rtol=0, atol=1e-5)
        wanted[..., [PAD, BEGIN]] = -torch.inf  # which are never predicted here
        got = output.log_probs(states_of(encoder, ids).flatten(0, 1)).view_as(wanted)
        torch.testing.assert_close(got, wanted.log_softmax(-1), rtol=0, atol=1e-5)


def test_greedy_text_is_that_of_transformers(pair: Any) -> None:
    theirs, encoder, output = pair
    prompt = ids_of(2, 4)
    wanted = theirs.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=POSITIONS - 4,
        do_sample=False,
        suppress_tokens=[PAD, BEGIN],
        eos_token_id=None,
        pad_token_id=0,
    )

    def step(last: Tensor, state: Any) -> tuple[Tensor, Any]:
        vectors, state = encoder.step(last, state)
        return output.log_probs(vectors), state

    with torch.inference_mode():
        _, state = encoder.read(prompt[:, :-1], encoder.start(2))
    options = SearchConfig(length=POSITIONS - 4, temperature=0)
    written = [ids for ids, _ in sample(step, state, prompt[:, -1], options, end=PAD)]
    assert torch.cat([prompt, torch.tensor(written).T], 1).tolist() == wanted.tolist()


def test_it_begins_as_transformers_does(pair: Any) -> None:
    """Deviations of the initial weights."""
    theirs: Any = type(pair[0])(pair[0].config)
    encoder: Any = gpt()
    block, layer = theirs.transformer.h[0], encoder.layers[0]
    for mine, other in (
        (encoder.embedding, theirs.transformer.wte),
        (encoder.positions.table, theirs.transformer.wpe),
        (layer.attention.projection, block.attn.c_attn),
        (layer.attention.output, block.attn.c_proj),
        (layer.widen, block.mlp.c_fc),
        (layer.narrow, block.mlp.c_proj),
    ):
        assert mine.weight.std().item() == pytest.approx(other.weight.std().item(), rel=0.1)
        assert getattr(mine, "bias", None) is None or not mine.bias.any()


# With and without cache.

VARIANTS = [
    {},
    {"positions": "sinusoidal", "scale_embedding": True, "initialization": "xavier"},
    {"positions": "none", "bias": False, "activation": "relu"},
    {"norm": "post", "activation": "gelu"},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=["gpt2", "sinusoidal", "none", "post"])
def test_steps_give_what_forward_gives(changes: dict[str, Any]) -> None:
    encoder = gpt(**changes, max_length=80)  # beyond the room that a state begins with
    ids = ids_of(2, 80)
    torch.testing.assert_close(steps_of(encoder, ids), states_of(encoder, ids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changes", VARIANTS, ids=["gpt2", "sinusoidal", "none", "post"])
def test_compiled_steps_are_those_of_torch(changes: dict[str, Any]) -> None:
    encoder, ids = gpt(**changes), ids_of(3, POSITIONS)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    got = steps_of(encoder, ids)
    assert encoder._packed is not None
    state, found = encoder.start(3), []
    encoder._packed = None
    for column in ids.unbind(1):
        vectors, state = encoder.step(column, state)
        found.append(vectors)
    torch.testing.assert_close(got, torch.stack(found, 1), rtol=1e-4, atol=1e-5)


def test_steps_follow_the_weights() -> None:
    encoder, ids = gpt(), ids_of(2, 5)
    before = steps_of(encoder, ids)
    encoder.load_state_dict(gpt(seed=1).state_dict())
    assert not torch.allclose(steps_of(encoder, ids), before)
    torch.testing.assert_close(steps_of(encoder, ids), states_of(encoder, ids), rtol=1e-4, atol=1e-5)


def test_pieces_give_what_steps_give() -> None:
    encoder, ids = gpt(), ids_of(2, 3 * POSITIONS)
    state, found = encoder.start(2), []
    for piece in ids.split([1, 2, 7, 3 * POSITIONS - 10], 1):
        vectors, state = encoder.read(piece, state)
        found.append(vectors)
    torch.testing.assert_close(torch.cat(found, 1), steps_of(encoder, ids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("positions", [1, 2, 7, POSITIONS])
def test_beyond_its_positions_it_sees_the_later_half(positions: int) -> None:
    encoder, ids = gpt(max_length=positions), ids_of(2, 60)
    got, begin = steps_of(encoder, ids), 0
    for unit in range(60):
        if unit - begin == positions:  # full: half of it is kept
            begin = unit - positions // 2
        wanted = states_of(encoder, ids[:, begin : unit + 1])[:, -1]
        torch.testing.assert_close(got[:, unit], wanted, rtol=1e-4, atol=1e-5)


def test_any_state_can_be_gone_on_from_more_than_once() -> None:
    encoder, ids = gpt(), ids_of(1, 6)
    _, state = encoder.read(ids, encoder.start(1))
    results = []
    for unit in (3, 4, 3):
        vectors, after = encoder.step(torch.tensor([unit]), state)
        results.append((vectors, encoder.step(torch.tensor([5]), after)[0]))
    for one, other in zip(results[0], results[2], strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(results[0][1], results[1][1])


def test_texts_of_a_state_can_be_chosen_and_repeated() -> None:
    encoder, ids = gpt(), ids_of(3, 5)
    order, following = torch.tensor([2, 0, 2]), torch.tensor([7, 8, 9])
    _, state = encoder.read(ids, encoder.start(3))
    ids_, values, length, written = (part.index_select(0, order) for part in state)
    got, _ = encoder.step(following, (ids_, values, length, written))
    wanted = states_of(encoder, torch.cat([ids[order], following[:, None]], 1))[:, -1]
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_no_texts_and_no_units() -> None:
    encoder = gpt()
    vectors, _ = encoder.step(torch.zeros(0, dtype=torch.int64), encoder.start(0))
    assert vectors.shape == (0, DIM)
    vectors, state = encoder.read(torch.zeros(2, 0, dtype=torch.int64), encoder.start(2))
    assert vectors.shape == (2, 0, DIM)
    assert torch.equal(encoder.step(ids_of(2, 1)[:, 0], state)[0], steps_of(encoder, ids_of(2, 1))[:, 0])


def test_bfloat16_steps_agree() -> None:
    encoder, ids = gpt(), ids_of(2, POSITIONS)
    with torch.autocast("cpu", torch.bfloat16):
        got = steps_of(encoder, ids).float()
    wanted = states_of(encoder, ids)
    assert (got - wanted).norm() <= 0.03 * wanted.norm()
