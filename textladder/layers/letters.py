"""What the letters of a unit say, beside its row in the table: for words that are rare or were never seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.batch import Tokens
from textladder.layers.convolution import Convolution
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import PAD, UNKNOWN, UnitEmbedding
from textladder.layers.pooling import maximum
from textladder.letters import LETTERS, spelled

LettersName = Literal["none", "cnn", "affixes", "both"]
LETTER_DIM = 32
FILTERS, WINDOW = 64, 3
AFFIXES = 4  # the first letter, the first two, ... are looked up, and so are the last
ROWS, ROW_DIM = 1 << 13, 32  # of the table of each kind of affix; different affixes may share a row
PRIME = 0x01000193


class LetterCnn(nn.Module):
    """A convolution over a unit's letters, largest value over its length (dos Santos and Zadrozny 2014; Kim
    et al. 2016, https://arxiv.org/abs/1508.06615, section 2): [N, W] ids -> [N, D]."""

    def __init__(self, dim: int, letters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(letters, LETTER_DIM, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.embedding._fill_padding_idx_with_zero()
        self.convolution = Convolution(LETTER_DIM, FILTERS, WINDOW)
        self.output = nn.Linear(FILTERS, dim, bias=False)

    def forward(self, letters: Tensor) -> Tensor:
        there = (letters != 0)[..., None]  # [N, W, 1]
        x = self.embedding(letters.int())  # zeros where there is no letter
        # ReLU is at least 0, so a product keeps places without a letter from being the largest.
        largest = maximum(self.convolution(x).relu() * there, there.new_ones(x.shape[:2]))
        vectors: Tensor = self.output(largest)
        return vectors


class Affixes(nn.Module):
    """Rows of hashed tables for the first and last 1 to 4 letters, and for the shape (Aa0-), side by side and
    through a linear map: [N, W] ids -> [N, D]. Features of Ratnaparkhi 1996,
    https://aclanthology.org/W96-0213, learned as vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.kinds = 2 * AFFIXES + 1
        # Sparse: a batch reads few of the rows, and a dense gradient would be of all.
        self.table = UnitEmbedding(1 + self.kinds * ROWS, ROW_DIM, sparse=True)
        self.output = nn.Linear(self.kinds * ROW_DIM, dim, bias=False)

    def forward(self, letters: Tensor) -> Tensor:
        x = F.pad(letters.long(), (0, max(AFFIXES + 1 - letters.shape[1], 0)))
        there = (x != 0).long()
        backward = _from_the_end(x, there)
        numbers = [number for row in (x, backward) for number in _hashes(row[:, : AFFIXES + 1])[1:]]
        numbers.append(_hashes(_shape(x))[-1])
        kinds = torch.arange(self.kinds, device=x.device) * ROWS + 1
        rows = (torch.stack(numbers, 1) % ROWS + kinds) * there[:, :1]  # units without letters say nothing
        vectors: Tensor = self.output(self.table(rows).flatten(1))
        return vectors


def _from_the_end(x: Tensor, there: Tensor) -> Tensor:
    """[N, W] the letters back to front, padding after them."""
    places = (there.sum(1, keepdim=True) - 1 - torch.arange(x.shape[1], device=x.device)).clamp_min(0)
    return x.gather(1, places) * there


def _hashes(x: Tensor) -> list[Tensor]:
    """[N, K] -> K times [N], numbers below 2^31: of the first letter, of the first two, ...; padding changes
    nothing."""
    found, each = torch.full_like(x[:, 0], 0x811C), []
    for letter in x.unbind(1):
        mixed = ((found ^ letter) * PRIME) & 0x7FFFFFFF
        found = torch.where(letter == 0, found, mixed ^ (mixed >> 15))
        each.append(found)
    return each


def _shape(x: Tensor) -> Tensor:
    """[N, W] of each letter: small, capital, digit, beyond ASCII, or the sign itself; a run of one kind is
    written once, so that Paris and Berlin have one shape."""
    small, capital = (x >= 97) & (x <= 122), (x >= 65) & (x <= 90)
    digit, beyond = (x >= 48) & (x <= 57), x >= 128
    kinds = x.masked_fill(small, 97).masked_fill(capital, 65).masked_fill(digit, 48).masked_fill(beyond, 128)
    repeats = torch.zeros_like(small)
    repeats[:, 1:] = (kinds[:, 1:] == kinds[:, :-1]) & (kinds[:, 1:] != 0)
    return kinds.masked_fill(repeats, 0)


class Letters(nn.Module):
    """Vectors [N, D] of the units of a batch from their letters: those that the batch brings
    (`Tokens.letters`), or else, as the vocabulary spells each unit, by its id."""

    spelling: Tensor

    def __init__(self, kind: LettersName, dim: int, vocabulary: Sequence[str], dropout: float = 0.0) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        if kind in ("cnn", "both"):
            parts.append(LetterCnn(dim, LETTERS))
        if kind in ("affixes", "both"):
            parts.append(Affixes(dim))
        self.parts = nn.ModuleList(parts)
        table = torch.from_numpy(spelled(list(vocabulary)))
        table[[PAD, UNKNOWN]] = 0
        self.register_buffer("spelling", table, persistent=False)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tokens) -> Tensor:
        given = tokens.letters
        return self.of(self.spelling[tokens.flat] if given is None else given)

    def of(self, letters: Tensor) -> Tensor:
        """[N, W] ids of letters -> [N, D]"""
        vectors: Tensor = self.dropout(sum(part(letters) for part in self.parts))
        return vectors


def make_letters(
    kind: LettersName, dim: int, vocabulary: Sequence[str], dropout: float = 0.0
) -> Letters | None:
    """None for "none"."""
    return None if kind == "none" else Letters(kind, dim, vocabulary, dropout)
