"""What the letters of a unit say, beside its row in the table: for words that are rare or were never seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from textladder.batch import Tokens
from textladder.layers import letter_kernels
from textladder.layers.convolution import Convolution
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import PAD, UNKNOWN, UnitEmbedding
from textladder.layers.pooling import first, last, maximum
from textladder.layers.recurrent import RecurrentLayer, reversal_of
from textladder.letters import LETTERS, spelled

LettersName = Literal["none", "cnn", "highway", "lstm", "affixes", "both"]
LETTER_DIM = 32
FILTERS = ((3, 64),)  # width of windows and number of filters of "cnn"
HIGHWAY_FILTERS = ((1, 16), (2, 32), (3, 48), (4, 64), (5, 64))
HIGHWAYS = 2
HIDDEN_DIM = 32  # of each direction of "lstm"
AFFIXES = 4  # the first letter, the first two, ... are looked up, and so are the last
ROWS, ROW_DIM = 1 << 13, 32  # of the table of each kind of affix; different affixes may share a row
PRIME = 0x01000193


def _letter_embedding() -> nn.Embedding:
    embedding = nn.Embedding(LETTERS, LETTER_DIM, padding_idx=0)
    nn.init.normal_(embedding.weight, std=0.3)
    embedding._fill_padding_idx_with_zero()
    return embedding


class LetterCnn(nn.Module):
    """Convolutions over a unit's letters, largest value over its length (dos Santos and Zadrozny 2014; Kim et
    al. 2016, https://arxiv.org/abs/1508.06615, section 2): [N, W] ids -> [N, D]. With filters of several
    widths and highway layers after them it is the one of ELMo (Peters et al. 2018,
    https://aclanthology.org/N18-1202, section 3.4).

    There are few letters, so on the processor each is multiplied once with each place of the filters, and a
    window is a sum of rows.
    """

    def __init__(self, dim: int, filters: Sequence[tuple[int, int]] = FILTERS, highways: int = 0) -> None:
        super().__init__()
        self.embedding = _letter_embedding()
        self.convolutions = nn.ModuleList(Convolution(LETTER_DIM, count, width) for width, count in filters)
        whole = sum(count for _, count in filters)
        self.highways = nn.ModuleList(Highway(whole) for _ in range(highways))
        self.output = nn.Linear(whole, dim, bias=False)

    def forward(self, letters: Tensor) -> Tensor:
        found = self._summed if letters.device.type == "cpu" else self._convolved
        x = found(letters).relu()
        for layer in self.highways:
            x = layer(x)
        vectors: Tensor = self.output(x * (letters[:, :1] != 0))  # units without letters say nothing
        return vectors

    def _summed(self, letters: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            rows, each = self.embedding(torch.arange(LETTERS)), []
            for part in self.convolutions:
                tables = torch.einsum("le,fek->klf", rows, part.weight)
                each.append(_Largest.apply(tables, letters) + part.bias)
            return torch.cat(each, 1)

    def _convolved(self, letters: Tensor) -> Tensor:
        x, there = self.embedding(letters.int()), letters != 0
        return torch.cat([maximum(part(x), there) for part in self.convolutions], 1)


class Highway(nn.Module):
    """g * relu(A x) + (1 - g) * x with gates g = sigmoid(B x), which begin nearly closed (Srivastava et al.
    2015, https://arxiv.org/abs/1505.00387, equation 3): [N, D] -> [N, D]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.both = nn.Linear(dim, 2 * dim)
        nn.init.constant_(self.both.bias[dim:], -2.0)

    def forward(self, x: Tensor) -> Tensor:
        changed, gate = self.both(x).chunk(2, -1)
        mixed: Tensor = torch.lerp(x.to(changed.dtype), changed.relu(), gate.sigmoid())
        return mixed


class LetterLstm(nn.Module):
    """The last states of an LSTM in both directions over a unit's letters (Ling et al. 2015,
    https://aclanthology.org/D15-1176; Lample et al. 2016): [N, W] ids -> [N, D]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.embedding = _letter_embedding()
        self.layer = RecurrentLayer(nn.LSTM, LETTER_DIM, HIDDEN_DIM, bidirectional=True)
        self.output = nn.Linear(2 * HIDDEN_DIM, dim, bias=False)

    def forward(self, letters: Tensor) -> Tensor:
        there = letters != 0
        if not len(letters):
            return self.output.weight.new_zeros(0, len(self.output.weight))
        states = self.layer(self.embedding(letters.int()), reversal_of(there.sum(1), letters.shape[1]))
        ahead, back = states.chunk(2, -1)
        vectors: Tensor = self.output(torch.cat([last(ahead, there), first(back, there)], -1))
        return vectors


class _Largest(torch.autograd.Function):
    """`letter_kernels.largest`: tables [K, letters, F], letters [N, W] -> [N, F]."""

    @staticmethod
    def forward(ctx: Any, tables: Tensor, letters: Tensor) -> Tensor:
        rows = letters.contiguous().numpy()
        found = np.empty((len(rows), tables.shape[2]), np.float32)
        ctx.shape, ctx.rows, ctx.places = tables.shape, rows, np.empty(found.shape, np.uint8)
        letter_kernels.largest(tables.detach().contiguous().numpy(), rows, found, ctx.places)
        return torch.from_numpy(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        of_tables = np.zeros(ctx.shape, np.float32)
        letter_kernels.spread(gradients[0].contiguous().numpy(), ctx.places, ctx.rows, of_tables)
        return torch.from_numpy(of_tables), None


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
        if letters.device.type == "cpu":
            rows = torch.from_numpy(letter_kernels.affixes(letters.contiguous().numpy(), AFFIXES, ROWS))
        else:
            rows = affix_rows(letters)
        vectors: Tensor = self.output(self.table(rows).flatten(1))
        return vectors


def affix_rows(letters: Tensor) -> Tensor:
    """`letter_kernels.affixes` in torch operations, on any device."""
    x = F.pad(letters.long(), (0, max(AFFIXES + 1 - letters.shape[1], 0)))
    there = (x != 0).long()
    backward = _from_the_end(x, there)
    numbers = [number for row in (x, backward) for number in _hashes(row[:, : AFFIXES + 1])[1:]]
    numbers.append(_hashes(_shape(x))[-1])
    kinds = torch.arange(len(numbers), device=x.device) * ROWS + 1
    return (torch.stack(numbers, 1) % ROWS + kinds) * there[:, :1]  # units without letters say nothing


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
            parts.append(LetterCnn(dim))
        elif kind == "highway":
            parts.append(LetterCnn(dim, HIGHWAY_FILTERS, HIGHWAYS))
        elif kind == "lstm":
            parts.append(LetterLstm(dim))
        if kind in ("affixes", "both"):
            parts.append(Affixes(dim))
        self.parts = nn.ModuleList(parts)
        table = torch.from_numpy(spelled(list(vocabulary)))
        table[[PAD, UNKNOWN]] = 0
        self.register_buffer("spelling", table, persistent=False)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tokens) -> Tensor:
        given = tokens.letters
        vectors: Tensor = self.dropout(self.of(self.spelling[tokens.flat] if given is None else given))
        return vectors

    def of(self, letters: Tensor) -> Tensor:
        """[N, W] ids of letters -> [N, D]. Of a word that stands several times it is found once."""
        if letters.device.type != "cpu":
            return self._said(letters)
        firsts, numbers = map(torch.from_numpy, letter_kernels.distinct(letters.contiguous().numpy()))
        return self._said(letters[firsts])[numbers]

    def _said(self, letters: Tensor) -> Tensor:
        vectors: Tensor = sum(part(letters) for part in self.parts)
        return vectors


def make_letters(
    kind: LettersName, dim: int, vocabulary: Sequence[str], dropout: float = 0.0
) -> Letters | None:
    """None for "none"."""
    return None if kind == "none" else Letters(kind, dim, vocabulary, dropout)
