"""Gated convolutions over the units before."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.layers.convolution import Convolution
from textladder.layers.dropout import Dropout


class GatedBlock(nn.Module):
    """x + mix(a * sigmoid(b)), [a; b] = convolve(norm(x)): the gated linear unit of Dauphin et al. 2017
    (equation 1) over a dilated causal convolution, with the projection and the sum around it of WaveNet
    (van den Oord et al. 2016, figure 4). [B, T, D] -> [B, T, D]."""

    def __init__(self, dim: int, hidden_dim: int, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.convolution = Convolution(dim, 2 * hidden_dim, width, dilation, causal=True)
        nn.init.normal_(self.convolution.weight, std=(dim * width) ** -0.5)
        self.mix = nn.Linear(hidden_dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """mask: [B, T, 1]; None if there is no padding. The norm's bias would leak out of padding."""
        normed = self.norm(x)
        return self._rest(x, self.convolution(normed if mask is None else normed * mask))

    def step(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """One unit: x [B, D], and what is convolved of the units before it [B, D, (w - 1) dilation] -> its
        vector, and the same for the next unit."""
        layer = self.convolution
        seen = torch.cat([before, self.norm(x)[..., None]], -1)
        window = seen[..., :: layer.dilation].flatten(1)  # [B, D * w]
        return self._rest(x, F.linear(window, layer.weight.flatten(1), layer.bias)), seen[..., 1:]

    def _rest(self, x: Tensor, convolved: Tensor) -> Tensor:
        rest: Tensor = self.dropout(self.mix(F.glu(convolved, -1)))
        return x + rest
