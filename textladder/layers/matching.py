"""Two encoded texts to one vector: apart from each other, or each unit of one against all units of the other.

The texts of pair i are the rows 2i and 2i + 1 of a batch, so that an encoder reads both in one go.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.layers.dropout import Dropout
from textladder.layers.pooling import maximum, mean
from textladder.layers.recurrent import RecurrentLayer, reversal

MatchingName = Literal["towers", "decomposable", "esim"]


def sides(rows: Tensor) -> tuple[Tensor, Tensor]:
    """[2B, ...] -> first and second texts, [B, ...] each."""
    return rows[0::2], rows[1::2]


def beside(first: Tensor, second: Tensor) -> Tensor:
    """[B, ...] twice -> [2B, ...], what `sides` takes apart."""
    return torch.stack([first, second], 1).flatten(0, 1)


class Matching(nn.Module):
    """encoded texts [2B, ...] -> [B, dim]."""

    dim: int

    def forward(self, encoded: Encoded, tokens: Tokens) -> Tensor:
        raise NotImplementedError

    def shares(self, encoded: Encoded, tokens: Tokens) -> tuple[Tensor, Tensor] | None:
        """What `soft_alignment` gives; None where texts do not see each other."""
        return None


class Towers(Matching):
    """(u, v, |u - v|, u * v) of the texts' vectors (Mou et al. 2016, https://aclanthology.org/P16-2022,
    section 3.3; Conneau et al. 2017, https://aclanthology.org/D17-1070, figure 1)."""

    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.dim = 4 * dim

    def forward(self, encoded: Encoded, tokens: Tokens) -> Tensor:
        u, v = sides(encoded.pooled)
        return torch.cat([u, v, (u - v).abs(), u * v], -1)


def soft_alignment(scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """scores [B, T, T] of first units (rows) and second units (columns), mask [2B, T] -> for each first unit
    its shares in second units, and for each second unit its shares in first units: [B, T, T] twice, each row
    summing to 1, all 0 where the other text has no unit."""
    first, second = sides(mask)

    def shares(scores: Tensor, among: Tensor) -> Tensor:
        hidden = scores.float().masked_fill(~among[:, None], torch.finfo(torch.float32).min)
        return (hidden.softmax(-1) * among[:, None]).to(scores.dtype)

    return shares(scores, second), shares(scores.transpose(1, 2), first)


def _shares(compared: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """`soft_alignment` by products of `compared` [2B, T, D]."""
    left, right = sides(compared)
    return soft_alignment(left @ right.transpose(1, 2), mask)


def _aligned(states: Tensor, shares: tuple[Tensor, Tensor]) -> Tensor:
    """[2B, T, D] -> [2B, T, D] what the other text holds for each unit."""
    a, b = sides(states)
    of_first, of_second = shares
    return beside(of_first @ b, of_second @ a)


def _local(states: Tensor, aligned: Tensor) -> Tensor:
    """[2B, T, D] twice -> [2B, T, 4D] both, their difference and their product."""
    return torch.cat([states, aligned, states - aligned, states * aligned], -1)


def _net(dim: int, hidden_dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        *(Dropout(dropout), nn.Linear(dim, hidden_dim), nn.ReLU()),
        *(Dropout(dropout), nn.Linear(hidden_dim, hidden_dim), nn.ReLU()),
    )


class Decomposable(Matching):
    """Decomposable attention (Parikh et al. 2016, https://aclanthology.org/D16-1244, equations 1-5): attend,
    compare each unit with what the other text holds for it, and sum. The paper compares both vectors; here
    their difference and product stand beside them (Chen et al. 2017, https://aclanthology.org/P17-1152,
    equation 14)."""

    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, hidden_dim, bias=False)
        self.attend = _net(hidden_dim, hidden_dim, dropout)
        self.compare = _net(4 * hidden_dim, hidden_dim, dropout)
        self.dim = 2 * hidden_dim

    def shares(self, encoded: Encoded, tokens: Tokens) -> tuple[Tensor, Tensor]:
        return _shares(self.attend(self.projection(encoded.states)), tokens.mask)

    def forward(self, encoded: Encoded, tokens: Tokens) -> Tensor:
        states = self.projection(encoded.states)  # [2B, T, H]
        aligned = _aligned(states, _shares(self.attend(states), tokens.mask))
        compared = self.compare(_local(states, aligned)) * tokens.mask[..., None]
        return torch.cat(sides(compared.sum(1)), -1)


class Esim(Matching):
    """Local inference over any encoder's states, and a second LSTM over what came of it (ESIM, Chen et al.
    2017, https://aclanthology.org/P17-1152, equations 11-19)."""

    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(4 * dim, hidden_dim)
        self.dropout = Dropout(dropout)
        self.compose = RecurrentLayer(nn.LSTM, hidden_dim, hidden_dim, bidirectional=True)
        self.dim = 8 * hidden_dim

    def shares(self, encoded: Encoded, tokens: Tokens) -> tuple[Tensor, Tensor]:
        return _shares(encoded.states, tokens.mask)

    def forward(self, encoded: Encoded, tokens: Tokens) -> Tensor:
        states, mask = encoded.states, tokens.mask
        local = _local(states, _aligned(states, self.shares(encoded, tokens)))
        composed = self.compose(self.dropout(self.projection(local).relu()), reversal(tokens))
        pooled = torch.cat([mean(composed * mask[..., None], mask), maximum(composed, mask)], -1)
        return self.dropout(torch.cat(sides(pooled), -1))


_KINDS: dict[str, type[Matching]] = {"towers": Towers, "decomposable": Decomposable, "esim": Esim}


def make_matching(name: MatchingName, dim: int, hidden_dim: int, dropout: float) -> Matching:
    """dim: D of the encoder's vectors; hidden_dim, dropout: of the nets between the texts (not of towers)."""
    return _KINDS[name](dim, hidden_dim, dropout)
