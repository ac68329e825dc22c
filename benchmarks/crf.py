"""A CRF against per-token softmax, the usual loop over time, and a scan: `python -m benchmarks.crf`.

One training step (forward, backward) of 64 texts of 30 tokens and 20 tags over a BiLSTM of 128 per direction,
and of the output layer alone (`--alone`: of that only). They take turns, so that a busy machine slows all
alike; medians, and processor time beside them.
"""

from __future__ import annotations

import argparse
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


class ScanCRF(LoopCRF):
    """The same in as many steps as the length can be halved (Rush 2020, https://arxiv.org/abs/2002.00876):
    each token is a matrix, tags by tags, and all neighbours are multiplied at once. In probabilities, as
    batched products are fast; each matrix divided by its largest number. All texts are of one length."""

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        score = self.start[tags[0]] + self.end[tags[-1]] + self.transitions[tags[:-1], tags[1:]].sum(0)
        score = score + emissions.gather(2, tags.unsqueeze(2))[..., 0].sum(0)
        begin, first = self._scaled((self.start + emissions[0]).exp().unsqueeze(1))  # [B, 1, L], [B]
        steps, logs = self._scaled((self.transitions + emissions[1:].unsqueeze(2)).exp())  # [T - 1, B, L, L]
        while len(steps) > 1:
            even = len(steps) // 2 * 2
            products, sums = self._scaled(steps[:even:2] @ steps[1:even:2])
            sums = sums + logs[:even:2] + logs[1:even:2]
            steps, logs = torch.cat([products, steps[even:]]), torch.cat([sums, logs[even:]])
        whole = (begin @ steps[0]).squeeze(1) @ self.end.exp()
        return (whole.log() + first + logs[0] - score).sum()

    @staticmethod
    def _scaled(values: Tensor) -> tuple[Tensor, Tensor]:
        top = values.detach().amax((-2, -1))
        return values / top[..., None, None], top.log()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alone", action="store_true", help="the output layer only, without a BiLSTM")
    kinds = {"alone": False} if parser.parse_args().alone else {"with BiLSTM": True, "alone": False}
    torch.manual_seed(0)
    everything = np.ones((TAGS, TAGS), np.bool_), np.ones(TAGS, np.bool_), np.ones(TAGS, np.bool_)
    crf, loop, scan = CRF(*everything), LoopCRF(TAGS), ScanCRF(TAGS)
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
            "scan": lambda: scan(head(y).transpose(0, 1), tags.t(), mask),
        }

    same = [value().item() for value in losses(states).values()][1:]
    assert max(same) - min(same) <= 1e-4 * min(same), same
    names = ("softmax", "crf", "loop", "scan")
    taken: dict[str, list[tuple[float, float]]] = {f"{name}, {kind}": [] for kind in kinds for name in names}
    for _ in range(TURNS):
        for name in names:
            for kind, whole in kinds.items():
                began = time.perf_counter(), time.process_time()
                losses(lstm(x, None) if whole else states)[name]().backward()
                ended = time.perf_counter(), time.process_time()
                taken[f"{name}, {kind}"].append((ended[0] - began[0], ended[1] - began[1]))
    found = {"milliseconds": {}, "milliseconds of the processor": {}}
    for name, each in taken.items():
        for of, seconds in zip(found.values(), zip(*each[5:], strict=True), strict=True):
            of[name] = round(statistics.median(seconds) * 1000, 3)
    pairs = (("crf", "softmax"), ("loop", "crf"), ("scan", "crf"))
    ratios = {
        f"{a} / {b}, {kind}": [round(of[f"{a}, {kind}"] / of[f"{b}, {kind}"], 2) for of in found.values()]
        for kind in kinds
        for a, b in pairs
    }
    print(json.dumps({**found, "ratios of both": ratios, "threads": torch.get_num_threads()}, indent=1))


if __name__ == "__main__":
    main()
