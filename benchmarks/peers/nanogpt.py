"""nanoGPT's recipe for a laptop, written from its published description (README of karpathy/nanoGPT,
"I only have a macbook"): train_shakespeare_char with block 64, batch 12, 4 layers, 4 heads, 128 wide, no
dropout, 2000 iterations. A GPT-2 with tied embeddings and without biases, in float32; and its sampler, which
reads the whole context again for every character."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import child, held_out

LEARNING_RATE, LOWEST, WARM_UP = 1e-3, 1e-4, 100
TEMPERATURE = 0.8


@dataclass(frozen=True)
class Size:
    block: int = 64
    layers: int = 4
    heads: int = 4
    width: int = 128


class Attention(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.read = nn.Linear(size.width, 3 * size.width, bias=False)
        self.project = nn.Linear(size.width, size.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.read(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # [B, H, T, D / H]
        said = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.project(said.transpose(1, 2).reshape(batch, length, width))


class Layer(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.first, self.second = (nn.LayerNorm(size.width, bias=False) for _ in range(2))
        self.attention = Attention(size)
        self.widen = nn.Linear(size.width, 4 * size.width, bias=False)
        self.project = nn.Linear(4 * size.width, size.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        return x + self.project(functional.gelu(self.widen(self.second(x))))


class Gpt(nn.Module):
    def __init__(self, units: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.units, self.places = nn.Embedding(units, size.width), nn.Embedding(size.block, size.width)
        self.layers = nn.Sequential(*(Layer(size) for _ in range(size.layers)))
        self.norm = nn.LayerNorm(size.width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:  # GPT-2: what is added to the residual stream is scaled by its depth
                scale = math.sqrt(2 * size.layers) if name.endswith("project.weight") else 1
                nn.init.normal_(parameter, std=0.02 / scale)

    def forward(self, ids: Tensor, last: bool = False) -> Tensor:
        """[B, T] -> [B, T, V], or [B, V] after the last unit alone."""
        x = self.units(ids) + self.places.weight[: ids.shape[1]]
        x = self.norm(self.layers(x))
        return functional.linear(x[:, -1] if last else x, self.units.weight)


def train(
    train: str,
    valid: str,
    target: float,
    iterations: int = 2000,
    batch: int = 12,
    check_every: int = 100,
    seed: int = 1337,
) -> dict[str, Any]:
    """seconds_to_target: of training until the held-out loss is `target` nats per character."""
    torch.set_num_threads(child.threads())
    torch.manual_seed(seed)
    text, judged = (Path(path).read_text(encoding="utf-8") for path in (train, valid))
    characters = sorted(set(text) | set(judged))
    numbers = {character: number for number, character in enumerate(characters)}
    ids, others = (torch.tensor([numbers[one] for one in part]) for part in (text, judged))
    model = Gpt(len(characters), Size())
    groups = [[p for p in model.parameters() if (p.dim() == 2) == decays] for decays in (True, False)]
    optimizer = torch.optim.AdamW(
        [{"params": group, "weight_decay": decay} for group, decay in zip(groups, (0.1, 0.0), strict=True)],
        lr=LEARNING_RATE,
        betas=(0.9, 0.99),
    )
    block = model.size.block
    seconds, checks = 0.0, []
    for step in range(iterations):
        began = time.perf_counter()
        starts = torch.randint(len(ids) - block, (batch,))
        read = torch.stack([ids[start : start + block] for start in starts])
        follows = torch.stack([ids[start + 1 : start + block + 1] for start in starts])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, iterations)
        loss = functional.cross_entropy(model(read).flatten(0, 1), follows.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds += time.perf_counter() - began
        if (step + 1) % check_every == 0 or step + 1 == iterations:
            checks.append((round(seconds, 3), judge(model, others, block, block // 2)))
    nats = checks[-1][1]
    return {
        "seconds_to_target": held_out.crossing(checks, target),
        "seconds": seconds,
        "units_per_second": iterations * batch * block / seconds,
        "nats": nats,
        "bits_per_character": held_out.bits(nats),
        "nats_blocks": judge(model, others, block, block),
        "parameters": sum(p.numel() for p in model.parameters()),
        "precision": "float32",
        "training_peak_memory_mb": child.peak_memory_mb(),
        "checks": checks,
    }


def learning_rate(step: int, steps: int) -> float:
    if step < WARM_UP:
        return LEARNING_RATE * (step + 1) / (WARM_UP + 1)
    share = (step - WARM_UP) / max(steps - WARM_UP, 1)
    return LOWEST + 0.5 * (1 + math.cos(math.pi * share)) * (LEARNING_RATE - LOWEST)


@torch.no_grad()
def judge(model: Callable[[Tensor], Tensor], ids: Tensor, width: int, stride: int, rows: int = 64) -> float:
    """Nats per unit of a text [N]; model maps ids [B, T] to scores [B, T, V]."""
    total, held = 0.0, []
    spans = list(held_out.windows(len(ids), width, stride))
    for number, (begin, end, counted) in enumerate(spans):
        held.append((begin, end, counted))
        following = spans[number + 1] if number + 1 < len(spans) else None
        if following and len(held) < rows and following[1] - following[0] == end - begin:
            continue
        scores = model(torch.stack([ids[b:e] for b, e, _ in held]))
        follows = torch.stack([ids[b + 1 : e + 1] for b, e, _ in held])
        losses = functional.cross_entropy(scores.flatten(0, 1).float(), follows.flatten(), reduction="none")
        for row, (b, _, c) in zip(losses.view(len(held), -1), held, strict=True):
            total += float(row[c - b :].sum())
        held.clear()
    return total / max(len(ids) - 1, 1)


@torch.no_grad()
def generate(
    units: int, block: int, layers: int, heads: int, width: int, length: int, batch: int, turns: int = 3
) -> dict[str, Any]:
    """`length` characters of `batch` texts, with weights as they are drawn: they do not change the speed."""
    torch.set_num_threads(child.threads())
    model = Gpt(units, Size(block, layers, heads, width)).eval()
    draw(model, 8, batch)
    seconds = []
    for _ in range(turns):
        began = time.perf_counter()
        draw(model, length, batch)
        seconds.append(time.perf_counter() - began)
    return {
        "seconds": statistics.median(seconds),
        "characters_per_second": batch * length / statistics.median(seconds),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def draw(model: Gpt, length: int, batch: int) -> Tensor:
    ids = torch.zeros(batch, 1, dtype=torch.long)
    for _ in range(length):
        scores = model(ids[:, -model.size.block :], last=True) / TEMPERATURE
        ids = torch.cat([ids, torch.multinomial(scores.softmax(-1), 1)], dim=1)
    return ids


def job(task: str, **arguments: Any) -> dict[str, Any]:
    return {"train": train, "generate": generate}[task](**arguments)


if __name__ == "__main__":
    child.run(job)
