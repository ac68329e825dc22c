"""Convolution over the units of right-padded texts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.layers.dropout import Dropout


class Convolution(nn.Module):
    """[B, T, D] -> [B, T, K]: each output sees `width` units, `dilation` apart, around its own (for an
    even width one more after it than before it), or, if `causal`, its own and those before it.

    It runs as a two-dimensional convolution one row high in channels-last layout, which [B, T, D] is
    already: no transposed copy, and oneDNN's best kernels (`benchmarks/NOTES.md`). Where there is
    padding the input must be zero, which makes a padded text see what the same text alone sees at its
    ends.
    """

    def __init__(self, dim: int, out_dim: int, width: int, dilation: int = 1, causal: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_dim, dim, width))
        self.bias = nn.Parameter(torch.zeros(out_dim))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")  # He et al. 2015
        self.dilation = dilation
        reach = (width - 1) * dilation
        self.before = reach if causal else (width - 1) // 2 * dilation
        self.after = reach - self.before

    def forward(self, x: Tensor) -> Tensor:
        if self.before == self.after:
            padding = self.before
        else:
            x, padding = F.pad(x, (0, 0, self.before, self.after)), 0
        image = x.transpose(1, 2).unsqueeze(2)  # [B, D, 1, T], in memory still [B, T, D]
        weight = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        image = F.conv2d(image, weight, self.bias, padding=(0, padding), dilation=(1, self.dilation))
        return image.squeeze(2).transpose(1, 2)  # [B, T, K]


class ResidualBlock(nn.Module):
    """x + mix(gelu(convolve(norm(x)))), [B, T, D] -> [B, T, D]."""

    def __init__(self, dim: int, width: int, dilation: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.convolution = Convolution(dim, dim, width, dilation, causal)
        self.mix = nn.Linear(dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """mask: [B, T, 1]. The norm's bias would leak out of padding into the windows of real units."""
        branch = self.convolution(self.norm(x) * mask)
        return x + self.dropout(self.mix(F.gelu(branch)))
