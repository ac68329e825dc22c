"""One recurrent layer, one or both directions, over right-padded texts of unequal length.

The reverse direction reads each text from its own end, so padding always comes after the text, in both
directions, and influences nothing; no packing is needed. Packing (`PackedSequence`) loses oneDNN's
kernels: 2 to 10 times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from textladder.batch import Tokens
from textladder.layers import lstm, one_text
from textladder.layers.dropout import Dropout
from textladder.layers.together import branched, limit

WIDE = 256  # values of an LSTM's state from which on its own walk is faster than oneDNN's (`layers.lstm`)


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
    return None if tokens.full else reversal_of(tokens.lengths, tokens.width)


def reversal_of(lengths: Tensor, width: int) -> Tensor:
    """The same from the lengths of texts [B] and the padded width."""
    steps = torch.arange(width, device=lengths.device)
    lengths = lengths[:, None]
    within = torch.where(steps < lengths, lengths - 1 - steps, steps)  # [B, T]
    starts = torch.arange(len(lengths), device=steps.device) * width
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

    weight_dropout: share of the state weights left out in training, the same at all units ("weight drop",
    Merity et al. 2018, https://arxiv.org/abs/1708.02182, section 2).
    """

    def __init__(
        self,
        net: Callable[..., nn.RNNBase],
        dim: int,
        hidden_dim: int,
        bidirectional: bool,
        weight_dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        self.nets = nn.ModuleList(
            net(dim, hidden_dim, batch_first=True, **options) for _ in range(directions)
        )
        self.has_memory = net is nn.LSTM
        self.wide = self.has_memory and not bidirectional and hidden_dim >= WIDE
        self.dropped = Dropout(weight_dropout)
        self.initial = nn.Parameter(torch.zeros(directions, 1 + self.has_memory, 1, hidden_dim))
        for part in self.nets:
            _initialise(part, hidden_dim, self.has_memory)

    def forward(self, x: Tensor, order: Tensor | None) -> Tensor:
        """x: [B, T, D]. order: from `reversal`, for the reverse direction."""
        if order is None and not self.training and one_text.can_walk(x):
            return one_text.walk(x, self.nets, self.initial)
        weights = self._weights()
        # One call where nothing is turned by length; cuDNN wants its weights in one piece of memory.
        alone = limit() == 1 or len(x) == 1
        if len(weights) == 1 or (order is None and alone and x.device.type == "cpu"):
            return self._walk(x, self.initial, *(w for own in weights for w in own))

        def backwards(x: Tensor, initial: Tensor, *weights: Tensor) -> Tensor:
            return reverse(self._walk(reverse(x, order), initial, *weights), order)

        starts = self.initial.split(1)
        both = [(self._walk, (starts[0], *weights[0])), (backwards, (starts[1], *weights[1]))]
        return torch.cat(branched(x, both), -1)  # [B, T, R*H]

    def run(
        self, x: Tensor, state: Tensor, lengths: Tensor | None = None, ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One direction, from a state: x [B, T, D], state [B, S, H] -> [B, T, H], and the state after the
        last unit of each text (`lengths` [B], at least 1; None: T), float32 and without gradient. With ids
        [B, T], x is the table [V, D] that they are rows of, for a layer that `reads_tables`."""
        (weights,) = self._weights()
        if ids is None and x.shape[1] == 1 and not torch.is_grad_enabled():
            after = self._unit(x[:, 0], state.to(x.dtype), weights)
            return after[:, :1], after.float()
        start = state.transpose(0, 1)  # [S, B, H]
        if ids is not None or self._walks(x):
            output, *end = lstm.walk(x, start[0], start[1], weights, lengths, ids)
            return output, torch.stack([part.float() for part in end], 1)
        output, ends = self._call(x, start.to(x.dtype)[:, None].contiguous(), weights)
        end_state = torch.cat([part.detach() for part in ends]).transpose(0, 1).float()  # [B, S, H]
        if lengths is not None:
            early = (lengths < x.shape[1]).nonzero()[:, 0]
            end_state[early] = self._early(x[early].detach(), state[early].detach(), lengths[early], weights)
        return output, end_state

    def start(self, texts: int) -> Tensor:
        """[B, S, H] The state before the first unit, of one direction."""
        return self.initial[0, :, 0].expand(texts, -1, -1)

    def unit(self, x: Tensor, state: Tensor) -> Tensor:
        """One unit of one direction, with gradient: x [B, D], state [B, S, H] before it -> after it, float32
        also under autocast."""
        (weights,) = self._weights()
        with torch.autocast(x.device.type, enabled=False):
            return self._unit(x.float(), state.float(), weights)

    def _weights(self) -> list[list[Tensor]]:
        """Of each direction, as torch's functions want them; its state weights come second."""
        each = [list(net.parameters()) for net in self.nets]
        return [[own[0], self.dropped(own[1]), *own[2:]] for own in each]

    def _early(self, x: Tensor, state: Tensor, lengths: Tensor, weights: list[Tensor]) -> Tensor:
        """State after the last unit of texts that end before the padded width: they stand still from there
        on."""
        state = state.to(x.dtype)
        with torch.no_grad():
            for unit in range(int(lengths.max()) if len(lengths) else 0):
                after = self._unit(x[:, unit], state, weights)
                state = torch.where((unit < lengths)[:, None, None], after, state)
        return state.float()

    def _unit(self, x: Tensor, state: Tensor, weights: list[Tensor]) -> Tensor:
        """One unit: x [B, D], state [B, S, H] before it -> after it. oneDNN's primitive puts all weights into
        its own order first, which takes ten times as long as this product."""
        function = getattr(torch, f"{cast(nn.RNNBase, self.nets[0]).mode.lower()}_cell")
        parts = state.unbind(1)
        after = function(x, parts if self.has_memory else parts[0], *weights)
        return torch.stack(after if self.has_memory else (after,), 1)

    def reads_tables(self, table: Tensor, ids: Tensor) -> bool:
        """Whether `run` takes these rows as ids, and is the faster: each row is multiplied once."""
        return self.wide and lstm.can_walk(table, ids.shape[1]) and len(table) < ids.numel()

    def _walks(self, x: Tensor) -> bool:
        return self.wide and lstm.can_walk(x, x.shape[1])

    def _walk(self, x: Tensor, initial: Tensor, *weights: Tensor) -> Tensor:
        """initial: [R, S, 1, H], S states. With the weights of two directions, the second walks from the end
        of the padded width."""
        state = initial.to(x.dtype).transpose(0, 1).expand(-1, -1, len(x), -1).contiguous()  # [S, R, B, H]
        if self._walks(x):
            return lstm.walk(x, state[0, 0], state[1, 0], weights)[0]
        return self._call(x, state, weights)[0]

    def _call(self, x: Tensor, state: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What `nn.RNNBase` calls: the states of all units, and S states [R, B, H] after the padded width."""
        start = (state[0], state[1]) if len(state) == 2 else state[0]
        function = getattr(torch._VF, cast(nn.RNNBase, self.nets[0]).mode.lower())
        # has biases, number of layers, dropout, training, both directions, batch first
        training = torch.is_grad_enabled()
        output, *after = function(x, start, weights, True, 1, 0.0, training, state.shape[1] == 2, True)
        return output, after


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
