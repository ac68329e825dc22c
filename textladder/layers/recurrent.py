"""One recurrent layer, one or both directions, over right-padded texts of unequal length.

The reverse direction reads each text from its own end, so padding always comes after the text, in both
directions, and influences nothing; no packing is needed. Packing (`PackedSequence`) loses oneDNN's
kernels: 2 to 10 times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from textladder.batch import Tokens
from textladder.layers.together import branched, limit


class _Reorder(torch.autograd.Function):
    """Rows of [B*T, D] in another order, where doing it twice restores the first; so backward is the same
    gather, which is much cheaper than the scatter that autograd would do."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return gradient.index_select(0, order), None


def reversal(tokens: Tokens) -> Tensor | None:
    """[B*T] The order of rows that reverses each text within its own length and leaves padding where it
    is; None if there is no padding."""
    if len(tokens.flat) == len(tokens) * tokens.width:
        return None
    steps = torch.arange(tokens.width, device=tokens.flat.device)
    lengths = tokens.lengths[:, None]
    within = torch.where(steps < lengths, lengths - 1 - steps, steps)  # [B, T]
    starts = torch.arange(len(tokens), device=steps.device) * tokens.width
    return (within + starts[:, None]).flatten()


def reverse(x: Tensor, order: Tensor | None) -> Tensor:
    """[B, T, D] -> [B, T, D], each text back to front; `order` from `reversal`."""
    if order is None:
        return x.flip(1)
    reordered: Tensor = _Reorder.apply(x.flatten(0, 1), order)
    return reordered.view_as(x)


class RecurrentLayer(nn.Module):
    """[B, T, D] -> [B, T, R * H], R directions (2: forward, then backward).

    net: `nn.RNN`, `nn.LSTM` or `nn.GRU`; each direction is one of them, so weights can be copied from
    and to torch. The states before the first unit are trained, from zero. Outputs where there is
    padding are not defined.

    Starting values: orthogonal state weights for every gate (Saxe et al. 2014), Glorot for input
    weights, forget gate bias 1 (Jozefowicz et al. 2015).
    """

    def __init__(
        self, net: Callable[..., nn.RNNBase], dim: int, hidden_dim: int, bidirectional: bool, **options: Any
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        self.nets = nn.ModuleList(
            net(dim, hidden_dim, batch_first=True, **options) for _ in range(directions)
        )
        self.has_memory = net is nn.LSTM
        self.initial = nn.Parameter(torch.zeros(directions, 1 + self.has_memory, 1, hidden_dim))
        for part in self.nets:
            _initialise(part, hidden_dim, self.has_memory)

    def forward(self, x: Tensor, order: Tensor | None) -> Tensor:
        """x: [B, T, D]. order: from `reversal`, for the reverse direction."""
        weights = [list(net.parameters()) for net in self.nets]
        # One call where nothing is turned by length; cuDNN wants its weights in one piece of memory.
        alone = limit() == 1 or len(x) == 1
        if len(weights) == 1 or (order is None and alone and x.device.type == "cpu"):
            return self._walk(x, self.initial, *(w for own in weights for w in own))

        def backwards(x: Tensor, initial: Tensor, *weights: Tensor) -> Tensor:
            return reverse(self._walk(reverse(x, order), initial, *weights), order)

        starts = self.initial.split(1)
        both = [(self._walk, (starts[0], *weights[0])), (backwards, (starts[1], *weights[1]))]
        return torch.cat(branched(x, both), -1)  # [B, T, R*H]

    def _walk(self, x: Tensor, initial: Tensor, *weights: Tensor) -> Tensor:
        """initial: [R, S, 1, H], S states. What `nn.RNNBase` calls; with the weights of two directions, the
        second walks from the end of the padded width."""
        directions, states = initial.shape[:2]
        state = initial.to(x.dtype).transpose(0, 1).expand(-1, -1, len(x), -1).contiguous()  # [S, R, B, H]
        start = (state[0], state[1]) if states == 2 else state[0]
        function = getattr(torch._VF, cast(nn.RNNBase, self.nets[0]).mode.lower())
        # has biases, number of layers, dropout, training, both directions, batch first
        training = torch.is_grad_enabled()
        output: Tensor = function(x, start, weights, True, 1, 0.0, training, directions == 2, True)[0]
        return output


def _initialise(net: nn.Module, hidden_dim: int, has_memory: bool) -> None:
    for name, parameter in net.named_parameters():
        for gate in parameter.data.split(hidden_dim):  # a view per gate
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(gate)
            elif name.startswith("weight_ih"):
                nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(gate)
        if has_memory and name.startswith("bias_ih"):
            parameter.data[hidden_dim : 2 * hidden_dim] = 1.0  # torch's gate order: i f g o
