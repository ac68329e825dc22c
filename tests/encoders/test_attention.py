"""The Transformer encoder against torch's own modules with the same weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.batch import Tokens
from textladder.encoders import attention
from textladder.encoders.attention import SelfAttention
from textladder.errors import Problem
from textladder.layers import together
from textladder.layers.attention import Layout, MultiHeadAttention, TransformerLayer
from textladder.layers.positions import SinusoidalPositions, sinusoids
from textladder.layers.short_attention import ShortAttention

VOCABULARY = [str(number) for number in range(12)]
ROWS = [[2, 3, 4], [5], [6, 7, 8, 9, 10, 11], [2, 9]]
DIM, HEADS = 12, 3


def flat_input() -> tuple[Tokens, Tensor]:
    tokens = Tokens.of_rows(ROWS)
    return tokens, torch.randn(len(tokens.flat), DIM, generator=torch.Generator().manual_seed(0))


def causal_mask(width: int) -> Tensor:
    return torch.ones(width, width, dtype=torch.bool).triu(1)  # torch's modules: True is hidden


@pytest.mark.parametrize("causal", [False, True])
def test_attention_agrees_with_multihead_attention(causal: bool) -> None:
    torch.manual_seed(0)
    tokens, x = flat_input()
    ours = MultiHeadAttention(DIM, HEADS, 0.0, causal).eval()
    theirs = nn.MultiheadAttention(DIM, HEADS, batch_first=True).eval()
    nn.init.normal_(ours.projection.bias)
    nn.init.normal_(ours.output.bias)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = (
        ours.projection.weight.data,
        ours.projection.bias.data,
    )
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = x.requires_grad_()
    padded = tokens.pad(x)
    wanted, maps = theirs(
        padded,
        padded,
        padded,
        key_padding_mask=~tokens.mask,
        attn_mask=causal_mask(tokens.width) if causal else None,
        average_attn_weights=False,
    )
    layout = Layout(tokens)
    got, kept = ours(layout.count_up(x), layout, keep_map=True)
    got = got[: len(x)]
    torch.testing.assert_close(got, wanted[tokens.mask])
    assert kept is not None
    real = tokens.mask[:, None, :, None].expand_as(maps)
    torch.testing.assert_close(kept[real], maps[real])
    weights = torch.randn(got.shape)
    wanted_gradients = torch.autograd.grad(
        (wanted[tokens.mask] * weights).sum(), [x, *theirs.parameters()], retain_graph=True
    )
    gradients = torch.autograd.grad((got * weights).sum(), [x, *ours.parameters()])
    for one, other in zip(gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_attention_is_scaled_dot_product_attention_of_each_text_alone() -> None:
    torch.manual_seed(0)
    tokens, x = flat_input()
    layer = MultiHeadAttention(DIM, HEADS, 0.0, False).eval()
    layout = Layout(tokens)
    got, _ = layer(layout.count_up(x), layout)
    for start, stop in zip(tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist(), strict=True):
        heads = layer.projection(x[start:stop]).view(stop - start, 3, HEADS, -1).permute(1, 2, 0, 3)
        mixed = F.scaled_dot_product_attention(heads[0], heads[1], heads[2])  # [H, T, d]
        torch.testing.assert_close(got[start:stop], layer.output(mixed.transpose(0, 1).flatten(1)))


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("causal", [False, True])
def test_layer_agrees_with_transformer_encoder_layer(norm: Any, causal: bool) -> None:
    torch.manual_seed(0)
    tokens, x = flat_input()
    ours = TransformerLayer(DIM, HEADS, 20, dropout=0.0, norm=norm, causal=causal).eval()
    theirs = nn.TransformerEncoderLayer(
        DIM, HEADS, 20, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm == "pre"
    )
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    for mine, other in (
        (ours.attention.output, theirs.self_attn.out_proj),
        (ours.widen, theirs.linear1),
        (ours.narrow, theirs.linear2),
        (ours.attention_norm, theirs.norm1),
        (ours.feedforward_norm, theirs.norm2),
    ):
        other.load_state_dict(mine.state_dict())
    theirs.self_attn.in_proj_weight.data = ours.attention.projection.weight.data
    theirs.self_attn.in_proj_bias.data = ours.attention.projection.bias.data
    wanted = theirs(
        tokens.pad(x),
        src_key_padding_mask=~tokens.mask,
        src_mask=causal_mask(tokens.width) if causal else None,
    )
    layout = Layout(tokens)
    got, kept = ours(layout.count_up(x), layout)
    assert kept is None
    torch.testing.assert_close(got[: len(x)], wanted[tokens.mask])


def test_padding_and_its_inverse_have_exact_gradients() -> None:
    tokens = Tokens.of_rows([[1, 2], [], [3, 4, 5]])
    layout = Layout(tokens)
    flat = torch.randn(5, 2, dtype=torch.double, requires_grad=True)
    padded = torch.randn(3, 3, 2, dtype=torch.double, requires_grad=True)
    counted = layout.count_up(flat)
    assert len(counted) == layout.rows
    assert torch.equal(counted[:5], flat)
    assert not counted[5:].any()
    assert torch.equal(layout.pad(counted), tokens.pad(flat))
    assert torch.equal(layout.unpad(layout.pad(counted)), counted)
    assert torch.autograd.gradcheck(lambda rows: layout.pad(layout.count_up(rows)), flat)
    assert torch.autograd.gradcheck(layout.unpad, padded)


def test_sinusoids_are_the_formula() -> None:
    """Vaswani et al. 2017, section 3.5; a place beyond the table makes it grow."""
    table = sinusoids(50, 7)
    for place in (0, 1, 49):
        for column in range(7):
            angle = place / 10000 ** (2 * (column // 2) / 7)
            wanted = math.cos(angle) if column % 2 else math.sin(angle)
            assert table[place, column].item() == pytest.approx(wanted, abs=1e-5)
    layer = SinusoidalPositions(7, length=4)
    torch.testing.assert_close(layer(torch.arange(50), 50), table)
    assert layer.state_dict() == {}


def test_maps_are_kept_only_when_asked_for() -> None:
    encoder = SelfAttention(SelfAttention.Config(embedding_dim=DIM, num_heads=HEADS), VOCABULARY).eval()
    tokens = Tokens.of_rows(ROWS)
    plain = encoder(tokens)
    assert plain.notes == {}
    encoder.keep_maps = True
    encoded = encoder(tokens)
    torch.testing.assert_close(encoded.pooled, plain.pooled)
    maps = encoded.notes["attention"]
    assert [tuple(one.shape) for one in maps] == [(4, HEADS, 6, 6)] * 2
    for one in maps:
        shares = one.transpose(1, 2)[tokens.mask]  # [N, H, T]
        torch.testing.assert_close(shares.sum(-1), torch.ones_like(shares.sum(-1)))
        assert one.masked_select(~tokens.mask[:, None, None]).abs().sum() == 0


def test_a_text_longer_than_the_positions_is_a_problem() -> None:
    config = SelfAttention.Config(embedding_dim=DIM, num_heads=HEADS, positions="learned", max_length=5)
    encoder = SelfAttention(config, VOCABULARY)
    assert encoder.max_length == 5
    with pytest.raises(Problem, match="a text has 6 units, and there are positions for 5"):
        encoder(Tokens.of_rows(ROWS))
    encoder(Tokens.of_rows(ROWS[:2]).padded_to(9))


def test_heads_that_do_not_divide_the_width_are_a_problem() -> None:
    with pytest.raises(Problem, match=r"encoder\.num_heads"):
        SelfAttention(SelfAttention.Config(embedding_dim=10, num_heads=3), VOCABULARY)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("causal", [False, True])
def test_short_attention_is_that_of_each_text_alone(causal: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    tokens = Tokens.of_rows([[2] * length for length in (3, 0, 1, 19, 8, 0)])
    units, rows, d = len(tokens.flat), len(tokens.flat) + 3, DIM // HEADS  # some rows are no unit
    joint = (2 * torch.randn(rows, 3 * DIM)).to(dtype).requires_grad_()
    got = ShortAttention.apply(joint, tokens.offsets, tokens.width, HEADS, causal)
    assert got.dtype == dtype
    assert got[units:].abs().sum() == 0
    plain = joint.detach().float().requires_grad_()
    wanted = torch.zeros(rows, DIM)
    for start, stop in zip(tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist(), strict=True):
        heads = plain[start:stop].view(stop - start, 3, HEADS, d).permute(1, 2, 0, 3)
        mixed = F.scaled_dot_product_attention(*heads, is_causal=causal) if stop > start else heads[0]
        wanted = wanted.index_copy(0, torch.arange(start, stop), mixed.transpose(0, 1).flatten(1))
    weights = torch.randn(rows, DIM)
    gradient = torch.autograd.grad((got.float() * weights).sum(), joint)[0].float()
    expected = torch.autograd.grad((wanted * weights).sum(), plain)[0]
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    assert (got - wanted).norm() <= tolerance * wanted.norm()
    assert (gradient - expected).norm() <= tolerance * expected.norm()


def test_shares_that_are_not_a_number_are_seen() -> None:
    joint = torch.randn(4, 3 * DIM)
    joint[1, 0] = torch.nan
    got = ShortAttention.apply(joint, torch.tensor([0, 3, 4]), 3, HEADS, False)
    assert got[1].isnan().any()
    assert got[3].isfinite().all()


@pytest.mark.parametrize("texts", [1, 2, 5])
def test_threads_share_the_texts_of_a_step(texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text is taken by one thread alone: the same vectors, to the last bit."""
    torch.manual_seed(0)
    config = SelfAttention.Config(embedding_dim=DIM, num_heads=HEADS, causal=True, word_dropout=0.0)
    encoder = SelfAttention(config, VOCABULARY).eval()
    rows = torch.randint(2, 12, (texts, 6))

    def stepped() -> Tensor:
        state, found = encoder.start(texts), []
        for column in rows.T:
            vectors, state = encoder.step(column, state)
            found.append(vectors)
        return torch.stack(found)

    alone, before = stepped(), torch.get_num_threads()
    monkeypatch.setattr(attention, "PRODUCTS", 1)
    jobs: list[int] = []

    def told(functions: list[Any]) -> list[Any]:
        jobs.append(len(functions))
        return together.together(functions)

    monkeypatch.setattr(attention, "together", told)
    torch.set_num_threads(2)
    try:
        with together.one_thread_each():
            shared = stepped()
    finally:
        torch.set_num_threads(before)
    assert jobs == [min(texts, 2)] * 6
    torch.testing.assert_close(shared, alone, rtol=0, atol=0)
