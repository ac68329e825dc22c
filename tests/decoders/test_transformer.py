"""Encoder and decoder against torch.nn.Transformer with the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from textladder.batch import Tokens
from textladder.decoders.attention import TransformerDecoder
from textladder.encoders.attention import SelfAttention

D, HEADS, WIDE, UNITS = 16, 4, 32, 30
SHAPE = {"embedding_dim": D, "num_heads": HEADS, "feedforward_dim": WIDE, "activation": "relu"}
SOURCES, PREFIXES = [[5, 6, 7, 8, 9], [4, 3], [10, 11, 12]], [[2, 14, 15, 16], [2, 17, 18, 19], [2, 20]]


def copy(ours: Any, theirs: Any) -> None:
    """A linear map or a norm."""
    theirs.weight.data.copy_(ours.weight)
    theirs.bias.data.copy_(ours.bias)


def copy_layer(ours: Any, theirs: Any, last_norm: nn.LayerNorm) -> None:
    """ours: a TransformerLayer."""
    theirs.self_attn.in_proj_weight.data.copy_(ours.attention.projection.weight)
    theirs.self_attn.in_proj_bias.data.copy_(ours.attention.projection.bias)
    copy(ours.attention.output, theirs.self_attn.out_proj)
    copy(ours.widen, theirs.linear1)
    copy(ours.narrow, theirs.linear2)
    copy(ours.attention_norm, theirs.norm1)
    copy(ours.feedforward_norm, last_norm)


def padded(tokens: Tokens, embedding: Any, positions: Any, scale: float) -> Tensor:
    return embedding(tokens.ids) * scale + positions.table[: tokens.width]


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_the_same_as_torch_s(norm: Any) -> None:
    torch.manual_seed(0)
    encoder = SelfAttention(SelfAttention.Config(**SHAPE, num_layers=2, norm=norm), ["u"] * UNITS).eval()
    decoder = TransformerDecoder(TransformerDecoder.Config(**SHAPE, num_layers=2, norm=norm), UNITS, D).eval()
    for parameter in [*encoder.parameters(), *decoder.parameters()]:
        parameter.data.add_(torch.randn_like(parameter) * 0.1)  # biases and norms as well
    peer = nn.Transformer(
        D, HEADS, 2, 2, WIDE, dropout=0.0, activation="relu", batch_first=True, norm_first=norm == "pre"
    ).eval()
    for ours, theirs in zip(encoder.layers, peer.encoder.layers, strict=True):
        copy_layer(ours, theirs, theirs.norm2)
    for ours, theirs in zip(decoder.layers, peer.decoder.layers, strict=True):
        copy_layer(ours.block, theirs, theirs.norm3)
        copy(ours.cross_norm, theirs.norm2)
        query, pairs = ours.cross.query, ours.cross.pairs
        theirs.multihead_attn.in_proj_weight.data.copy_(torch.cat([query.weight, pairs.weight]))
        theirs.multihead_attn.in_proj_bias.data.copy_(torch.cat([query.bias, pairs.bias]))
        copy(ours.cross.output, theirs.multihead_attn.out_proj)
    if norm == "pre":
        copy(encoder.norm, peer.encoder.norm)
        copy(decoder.norm, peer.decoder.norm)
    else:  # the paper's has no norm behind its last layer
        peer.encoder.norm = peer.decoder.norm = None
    source, prefix = Tokens.of_rows(SOURCES), Tokens.of_rows(PREFIXES)
    with torch.no_grad():
        found = decoder(prefix, encoder(source))
        wanted = peer(
            padded(source, encoder.embedding, encoder.positions, encoder.scale),
            padded(prefix, decoder.embedding, decoder.positions, decoder.scale),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(prefix.width),
            src_key_padding_mask=~source.mask,
            memory_key_padding_mask=~source.mask,
        )
    torch.testing.assert_close(found[prefix.mask], wanted[prefix.mask], atol=1e-5, rtol=1e-4)
