"""The Transformer encoder: every unit looks at every other (or, causal, at those before it)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.attention import ActivationName, Layout, NormPlace, TransformerLayer
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.flat_attention import by_length
from textladder.layers.known import Known, gone_on, nothing_known, units_known, with_room
from textladder.layers.letters import LettersName, make_letters
from textladder.layers.one_unit import ACTIVATIONS, one_unit, packed, runs_compiled
from textladder.layers.parts import parted, parts_of, side_by_side
from textladder.layers.pooling import PoolingName, flat_mean, make_pooling
from textladder.layers.positions import PositionsName, make_positions, placed
from textladder.layers.together import limit, together
from textladder.ranges import Share, Size

PRODUCTS = 1 << 21  # products that a thread takes at least in a step: some 0.2 ms
DEVIATION = 0.02  # of GPT-2's initial weights
EPSILON = np.float32(1e-5)  # of nn.LayerNorm


class SelfAttention(Encoder):
    """`num_layers` Transformer layers over embedding plus position.

    With `keep_maps = True` on the encoder, `notes["attention"]` of what it returns holds a map [B, H,
    T, T] per layer: the share of unit j in the new vector of unit i.
    """

    source = "Vaswani et al. 2017, https://arxiv.org/abs/1706.03762"

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 128  # also of every layer
        num_layers: int = 2
        num_heads: int = 4
        feedforward_dim: Size = 512
        positions: PositionsName = "sinusoidal"
        max_length: Size = 512  # longest text in units, for learned positions and for `step`
        norm: NormPlace = "pre"
        causal: bool = False  # a unit sees none after it
        activation: ActivationName = "gelu"  # of the feed-forward nets; gelu_tanh: its approximation by tanh
        bias: bool = True  # of linear maps and norms
        scale_embedding: bool = True  # units' vectors times sqrt(D) (Vaswani et al. 2017, section 3.4)
        initialization: Literal["xavier", "gpt2"] = "xavier"  # gpt2: normal, 0.02 (Radford et al. 2019)
        pooling: PoolingName = "mean"
        embedding_dropout: Share = 0.2
        word_dropout: Share = 0.05  # share of units read as <unk> in training
        input_dropout: Share = 0.0  # of vector plus position
        dropout: Share = 0.1  # in each layer and on the text's vector
        attention_dropout: Share = 0.0  # of the shares; above 0 the fused attention kernel cannot be used
        letters: LettersName = "none"  # added to a unit's vector: what its letters say; not with `causal`

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        self.dim, self.causal = config.embedding_dim, config.causal
        if config.num_heads < 1 or self.dim % config.num_heads:
            raise Problem(
                "encoder.num_heads",
                f"a width of {self.dim} cannot be shared by {config.num_heads} heads.",
                "Set a number of heads that divides encoder.embedding_dim.",
            )
        # Rows are as long as a sinusoid's once they are multiplied.
        self.scale = math.sqrt(self.dim) if config.scale_embedding else 1.0
        self.embedding = UnitEmbedding(
            len(vocabulary),
            self.dim,
            config.embedding_dropout,
            config.word_dropout,
            std=1 / math.sqrt(self.dim),
        )
        if config.causal and config.letters != "none":
            raise Problem(
                "encoder.letters", "a causal Transformer reads no letters.", "Set encoder.letters=none."
            )
        self.letters = make_letters(config.letters, self.dim, vocabulary, config.embedding_dropout)
        self.positions = make_positions(config.positions, self.dim, config.max_length)
        if config.positions == "learned":
            self.max_length = config.max_length
        self.layers = nn.ModuleList(
            TransformerLayer(
                self.dim,
                config.num_heads,
                config.feedforward_dim,
                dropout=config.dropout,
                attention_dropout=config.attention_dropout,
                norm=config.norm,
                causal=config.causal,
                activation=config.activation,
                bias=config.bias,
            )
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(self.dim, bias=config.bias) if config.norm == "pre" else nn.Identity()
        self.input_dropout, self.dropout = Dropout(config.input_dropout), Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)
        self.bfloat16_pays = self.dim >= 128  # 1.8 times float32 at 128; below, casts take what products gain
        self.threads_pay = config.attention_dropout > 0  # else parts of a batch have a thread each
        self.keep_maps = False
        self._packed: NDArray[np.float32] | None = None
        if config.initialization == "gpt2":
            self._initialize_as_gpt2()

    def _initialize_as_gpt2(self) -> None:
        """Normal with deviation 0.02, and what is added to the residual stream by all layers together of that
        size too: Radford et al. 2019, section 2.3,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf"""
        assert self.embedding is not None
        nn.init.normal_(self.embedding.weight, std=DEVIATION)
        self.embedding._fill_padding_idx_with_zero()
        shrunk = DEVIATION / math.sqrt(2 * max(len(self.layers), 1))
        for layer in self.layers:
            assert isinstance(layer, TransformerLayer)
            for linear, std in (
                (layer.attention.projection, DEVIATION),
                (layer.attention.output, shrunk),
                (layer.widen, DEVIATION),
                (layer.narrow, shrunk),
            ):
                nn.init.normal_(linear.weight, std=std)

    def forward(self, tokens: Tokens) -> Encoded:
        """Raises Problem for a text longer than learned positions."""
        self._check_length(tokens)
        ordered, places, parts = tokens, None, [tokens]
        if not self.whole and tokens.flat.device.type == "cpu":
            ordered, places = by_length(tokens, parts_of(tokens))
            parts = parted(ordered)
        layout = Layout(ordered)
        x = self._vectors(ordered.flat, layout.positions, ordered.width)  # [N, D]
        if self.letters is not None:
            x = x + self.letters(ordered).to(x.dtype)
        maps: list[Tensor] = []
        if len(parts) == 1:
            flat = self._stack(ordered, maps, x)  # [N, D]
        else:
            jobs = [partial(self._stack, part, maps) for part in parts]
            inputs = [(some,) for some in x.split([len(part.flat) for part in parts])]
            weights = (*self.layers.parameters(), *self.norm.parameters())
            flat = torch.cat(side_by_side(jobs, inputs, weights))

        def as_given(values: Tensor) -> Tensor:
            return values if places is None else values.index_select(0, places)

        states = cache(lambda: as_given(layout.pad(flat)))  # [B, T, D]

        def pooled() -> Tensor:
            if self.config.pooling == "mean" and flat.device.type == "cpu" and flat.dtype == torch.float32:
                mean: Tensor = self.dropout(as_given(flat_mean(flat, ordered.offsets)))
                return mean
            vectors: Tensor = self.dropout(self.pool(states(), tokens.mask))
            return vectors

        notes = {"attention": maps} if self.keep_maps else {}
        return Encoded(pooled, lambda: tokens.mask, states, notes)

    @property
    def whole(self) -> bool:
        """Whether a batch cannot be encoded in parts."""
        chance = self.training and self.config.attention_dropout > 0  # drawn by torch, for all threads
        return self.threads_pay or self.keep_maps or chance

    def _stack(self, tokens: Tokens, maps: list[Tensor], x: Tensor) -> Tensor:
        """What the first layer reads [N, D] -> states [N, D]; attention maps are added to `maps`."""
        units, exact = len(x), x.device.type == "cpu" and x.dtype == torch.float32
        layout = Layout(tokens, exact)
        x = layout.count_up(x)  # [M, D]
        for layer in self.layers:
            x, kept = layer(x, layout, self.keep_maps)
            if kept is not None:
                maps.append(kept)
        return self.norm(x)[:units]

    def start(self, texts: int) -> Known:
        """See `Encoder.start`. Small models take steps with the weights that they have now."""
        self._packed = packed(self.layers) if runs_compiled(self.layers) else None
        return self._nothing_known(texts)

    def step(self, last: Tensor, state: Known) -> tuple[Tensor, Known]:
        vectors, state = self.read(last[:, None], state)
        return vectors[:, 0], state

    @torch.no_grad()
    def read(self, ids: Tensor, state: Known) -> tuple[Tensor, Known]:
        """`step` for n units at a time: ids [B, n] -> [B, n, D], and the state after them.

        Where `max_length` units are known, the later half of them is read anew from position 0: a unit sees
        at least half of `max_length` units before it, as when a model is judged (`streams.context`).
        """
        most, found = self.config.max_length, []
        while True:
            if units_known(state) == most:
                kept, state = state[0][:, most - most // 2 : most], self._nothing_known(len(ids))
                _, state = self._read(kept, state)
            free = most - units_known(state)
            vectors, state = self._read(ids[:, :free], state)
            ids = ids[:, free:]
            found.append(vectors)
            if not ids.shape[1]:
                return found[0] if len(found) == 1 else torch.cat(found, 1), state

    def _nothing_known(self, texts: int) -> Known:
        assert self.embedding is not None
        room = self.config.max_length
        return nothing_known(texts, len(self.layers), self.dim, self.embedding.weight, room)

    def _read(self, ids: Tensor, state: Known) -> tuple[Tensor, Known]:
        """`read` of as many units as there are positions for."""
        units, at = ids.shape[1], units_known(state)
        state = with_room(state, units, self.config.max_length)
        state[0][:, at : at + units] = ids
        if units == 1 and self._compiled_now():
            x = self._one_unit(ids[:, 0], state[1], at)[:, None]
        else:
            places = torch.arange(at, at + units, device=ids.device)
            x = self._vectors(ids, places, at + units)  # [B, n, D]
            for layer, known in zip(self.layers, state[1].unbind(1), strict=True):
                assert isinstance(layer, TransformerLayer)
                x = layer.extend(x, known, at)
        return self.norm(x), gone_on(state, units)

    def _compiled_now(self) -> bool:
        """Whether `_one_unit` does what the layers would: it knows no dropout and no bfloat16."""
        return self._packed is not None and not self.training and not torch.is_autocast_enabled("cpu")

    def _one_unit(self, ids: Tensor, known: Tensor, at: int) -> Tensor:
        """Unit `at` of each text, ids [B] -> [B, D]."""
        assert self.embedding is not None
        packed = self._packed
        assert packed is not None
        x = self.embedding.weight.index_select(0, ids)
        if self.scale != 1:
            x *= self.scale
        if self.positions is not None:
            x += self.positions.at(at)
        config = self.config

        def share(rows: slice) -> None:
            one_unit(
                x[rows].numpy(),
                known[rows].numpy(),
                at,
                packed,
                config.num_heads,
                config.feedforward_dim,
                config.norm == "pre",
                ACTIVATIONS.index(config.activation),
                EPSILON,
            )

        together([partial(share, rows) for rows in _shares(len(x), packed.size)])
        return x

    def _vectors(self, ids: Tensor, places: Tensor, width: int) -> Tensor:
        """Ids [...] at places [...], all below `width` -> [..., D], what the first layer reads."""
        assert self.embedding is not None
        x = placed(self.embedding(ids), self.scale, self.positions, places, width)
        dropped: Tensor = self.input_dropout(x)
        return dropped

    def _check_length(self, tokens: Tokens) -> None:
        if self.max_length is None or tokens.width <= self.max_length:
            return
        longest = int(tokens.lengths.max())
        if longest > self.max_length:
            raise Problem(
                "encoder.max_length",
                f"a text has {longest} units, and there are positions for {self.max_length}.",
                "Raise encoder.max_length, cut long texts, or set encoder.positions=sinusoidal.",
            )


def _shares(texts: int, numbers: int) -> list[slice]:
    """Of the texts of a step, one for each thread that pays; `numbers`: of all layers."""
    threads = max(min(limit(), texts, texts * numbers // PRODUCTS), 1)
    size = max(-(-texts // threads), 1)
    return [slice(start, start + size) for start in range(0, max(texts, 1), size)]
