"""A CRF against per-token softmax and against the usual loop over time: `python -m benchmarks.crf`.

One training step (forward, backward) of 64 texts of 30 tokens and 20 tags over a BiLSTM of 128 per direction,
and of the output layer alone. The three take turns, so that a busy machine slows all alike; medians.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from textladder.layers.crf import CRF
from textladder.layers.recurrent import RecurrentLayer

TEXTS, TOKENS, TAGS, DIM, TURNS = 64, 30, 20, 128, 40


class LoopCRF(nn.Module):
    """As pytorch-crf has it (https://github.com/kmkurn/pytorch-crf): a loop over time in logarithms, with a
    mask."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start, self.end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """[T, B, L], [T, B], [T, B] -> the sum of -log p."""
        length, texts = tags.shape
        rows = torch.arange(texts)
        score = self.start[tags[0]] + emissions[0, rows, tags[0]]
        alpha = self.start + emissions[0]
        for t in range(1, length):
            score = score + self.transitions[tags[t - 1], tags[t]] * mask[t]
            score = score + emissions[t, rows, tags[t]] * mask[t]
            after = torch.logsumexp(alpha.unsqueeze(2) + self.transitions + emissions[t].unsqueeze(1), 1)
            alpha = torch.where(mask[t].bool().unsqueeze(1), after, alpha)
        ends = mask.long().sum(0) - 1
        score = score + self.end[tags[ends, rows]]
        return (torch.logsumexp(alpha + self.end, 1) - score).sum()


def main() -> None:
    torch.manual_seed(0)
    everything = np.ones((TAGS, TAGS), np.bool_), np.ones(TAGS, np.bool_), np.ones(TAGS, np.bool_)
    crf, loop = CRF(*everything), LoopCRF(TAGS)
    lstm, head = RecurrentLayer(nn.LSTM, DIM, DIM, True), nn.Linear(2 * DIM, TAGS)
    x, states = torch.randn(TEXTS, TOKENS, DIM), torch.randn(TEXTS, TOKENS, 2 * DIM)
    tags = torch.randint(TAGS, (TEXTS, TOKENS))
    offsets, mask = torch.arange(0, TEXTS * TOKENS + 1, TOKENS), torch.ones(TOKENS, TEXTS)

    def losses(y: Tensor) -> dict[str, Callable[[], Tensor]]:
        return {
            "softmax": lambda: nn.functional.cross_entropy(
                head(y).flatten(0, 1), tags.flatten(), reduction="sum"
            ),
            "crf": lambda: crf.loss(head(y).flatten(0, 1), offsets, tags.flatten()),
            "loop": lambda: loop(head(y).transpose(0, 1), tags.t(), mask),
        }

    same = [value().item() for value in losses(states).values()][1:]
    assert abs(same[0] - same[1]) <= 1e-4 * abs(same[1]), same
    seconds: dict[str, list[float]] = {}
    for _ in range(TURNS):
        for name in ("softmax", "crf", "loop"):
            for whole in (True, False):
                began = time.perf_counter()
                losses(lstm(x, None) if whole else states)[name]().backward()
                taken = time.perf_counter() - began
                seconds.setdefault(f"{name}, {'with BiLSTM' if whole else 'alone'}", []).append(taken)
    found = {name: round(statistics.median(each[5:]) * 1000, 3) for name, each in seconds.items()}
    ratios = {
        f"{a} / {b}, {kind}": round(found[f"{a}, {kind}"] / found[f"{b}, {kind}"], 2)
        for kind in ("with BiLSTM", "alone")
        for a, b in (("crf", "softmax"), ("loop", "crf"))
    }
    print(json.dumps({"milliseconds": found, "ratios": ratios, "threads": torch.get_num_threads()}, indent=1))


if __name__ == "__main__":
    main()
