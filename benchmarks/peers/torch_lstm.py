"""The loop of pytorch/examples word_language_model, around nn.LSTM: text in `batch` columns, `bptt` units at
a time, the state carried on; dropout before and after, tied embeddings, gradients clipped to 0.25."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import child, held_out

State = tuple[Tensor, Tensor]
CLIP = 0.25


class Net(nn.Module):
    def __init__(self, units: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.embedding = nn.Embedding(units, width)
        self.lstm = nn.LSTM(width, width, layers, dropout=dropout)
        self.output = nn.Linear(width, units)
        self.output.weight = self.embedding.weight
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)

    def forward(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """[T, B] -> scores [T, B, V]"""
        states, state = self.lstm(self.dropout(self.embedding(ids)), state)
        return self.output(self.dropout(states)), state


def job(
    train: str,
    valid: str,
    units: str,
    width: int,
    layers: int,
    batch: int,
    bptt: int,
    steps: int,
    dropout: float = 0.2,
    precision: str = "float32",
    optimizer: str = "sgd",
    learning_rate: float = 20.0,
) -> dict[str, Any]:
    """units: "character", or "whitespace" for what stands between white space."""
    torch.set_num_threads(child.threads())
    torch.manual_seed(1)
    text, judged = (cut(path, units) for path in (train, valid))
    numbers = {unit: number for number, unit in enumerate(sorted(set(text) | set(judged)))}
    ids, others = (torch.tensor([numbers[unit] for unit in part]) for part in (text, judged))
    columns = ids[: len(ids) // batch * batch].view(batch, -1).t().contiguous()  # [N / B, B]
    net = Net(len(numbers), width, layers, dropout)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    descent = kind(net.parameters(), lr=learning_rate)
    seconds, state, at = 0.0, None, 0
    for _ in range(steps):
        began = time.perf_counter()
        if at + 1 + bptt > len(columns):
            at, state = 0, None
        read, follows = columns[at : at + bptt], columns[at + 1 : at + 1 + bptt]
        at += bptt
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            scores, state = net(read, state)
        loss = functional.cross_entropy(scores.float().flatten(0, 1), follows.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        descent.step()
        state = (state[0].detach(), state[1].detach())
        seconds += time.perf_counter() - began
    nats = judge(net, others)
    found = {
        "seconds": seconds,
        "units_per_second": steps * batch * bptt / seconds,
        "nats": nats,
        "parameters": sum(p.numel() for p in net.parameters()),
        "vocabulary": len(numbers),
        "precision": precision,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }
    return found | ({"bits_per_character": held_out.bits(nats)} if units == "character" else {})


@torch.no_grad()
def judge(net: Net, ids: Tensor, width: int = 512) -> float:
    """Nats per unit of a text [N], read from its beginning to its end with one state."""
    net.eval()
    total, state = 0.0, None
    for begin in range(0, len(ids) - 1, width):
        end = min(begin + width, len(ids) - 1)
        scores, state = net(ids[begin:end, None], state)
        total += float(functional.cross_entropy(scores[:, 0], ids[begin + 1 : end + 1], reduction="sum"))
    return total / (len(ids) - 1)


def cut(path: str, units: str) -> list[str]:
    text = Path(path).read_text(encoding="utf-8")
    return list(text) if units == "character" else text.split()


if __name__ == "__main__":
    child.run(job)
