"""Speed of the sequence encoders: words/s in training, one text's latency, share of the machine's matrix
rate.

python benchmarks/encoders.py [recurrent cnn attention] [--threads 2] [--json FILE]

Alternatives take turns within one process, and each figure is the median of its turns, so that other
load on the machine falls on all of them alike; with `--threads 1` the time is the processor's own,
which other load does not lengthen. Words are real ones; padding does not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders import encoder_class

VOCABULARY = [str(number) for number in range(20_000)]
LABELS = 4


def texts(units: int, width: int, seed: int = 0) -> Tokens:
    """A batch as the bucketing makes them: lengths within 15 % of the longest."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(int(width * 0.85), width + 1, (max(units // width, 1),), generator=generator)
    return Tokens.of_rows(
        [torch.randint(2, 20_000, (length,), generator=generator).tolist() for length in lengths.tolist()]
    )


def median_seconds(jobs: dict[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(turns + 2):
        for name, job in jobs.items():
            start = clock()
            job()
            if turn >= 2:
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def training_step(encode: nn.Module, head: nn.Module, tokens: Tokens, bfloat16: bool) -> None:
    """Forward and backward; the optimizer's step is not the encoder's."""
    for module in (encode, head):
        module.zero_grad()
    target = torch.zeros(len(tokens), dtype=torch.long)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        scores = head(encode(tokens))
    nn.functional.cross_entropy(scores.float(), target).backward()


class Notebook(nn.Module):
    """The BiLSTM of the usual notebook: 128 units whatever the text, mean over all of them, padding
    included."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20_000, 128, padding_idx=0)
        self.lstm = nn.LSTM(128, 128, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tokens) -> Tensor:
        return self.lstm(self.embedding(tokens.padded_to(128).ids))[0].mean(1)


def make(name: str, **changes: Any) -> tuple[nn.Module, nn.Module]:
    kind = encoder_class(name)
    encoder = kind(kind.Config(**changes), VOCABULARY)
    encoder.embedding.sparse = True  # as the loop does for large tables
    return encoder, nn.Linear(encoder.dim, LABELS)


class Pooled(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tokens) -> Tensor:
        encoded: Encoded = self.encoder(
            replace(tokens)
        )  # a fresh one, without what an earlier turn has cached
        return encoded.pooled


def rates(systems: dict[str, tuple[nn.Module, nn.Module]], width: int, turns: int) -> dict[str, float]:
    tokens = texts(8192, width)
    jobs: dict[str, Callable[[], Any]] = {}
    words: dict[str, int] = {}
    few = texts(32 * width, width)  # notebooks take 32 texts at a time
    for name, (encoder, head) in systems.items():
        peer = isinstance(encoder, Notebook)
        for half in (False,) if peer else (False, True):
            label = f"{name} {'bfloat16' if half else 'float32'}"
            batch = few if peer else tokens
            jobs[label] = partial(training_step, encoder if peer else Pooled(encoder), head, batch, half)
            words[label] = len(batch.flat)
    return {label: words[label] / seconds for label, seconds in median_seconds(jobs, turns).items()}


def recurrent(turns: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    systems = {name: make(name, bidirectional=True) for name in ("rnn", "gru", "lstm")}
    for width in (20, 40, 250):
        if width < 128:
            systems["notebook's lstm"] = Notebook(), nn.Linear(256, LABELS)
        found[f"bidirectional, words/s, texts of {width}"] = rates(systems, width, turns)
        systems.pop("notebook's lstm", None)
    one, jobs = texts(30, 30), {}
    for name, (encoder, linear) in {**systems, "cnn": make("cnn"), "attention": make("attention")}.items():
        encode = Pooled(encoder).eval()

        def answer(encode: nn.Module = encode, linear: nn.Module = linear) -> None:
            with torch.inference_mode():
                linear(encode(one))

        jobs[name] = answer
    found["one text of 30, p50, ms"] = {k: v * 1e3 for k, v in median_seconds(jobs, 15 * turns).items()}
    return found


def cnn(turns: int) -> dict[str, Any]:
    systems = {name: make(name) for name in ("cnn", "rescnn")}
    return {f"words/s, texts of {width}": rates(systems, width, turns) for width in (20, 40, 250)}


def matrix_rate(dim: int, units: int, half: bool) -> Callable[[], Any]:
    """One product of the size that most of a Transformer layer's work has: [N, D] x [D, 4D]."""
    dtype = torch.bfloat16 if half else torch.float32
    left, right = torch.randn(units, dim, dtype=dtype), torch.randn(dim, 4 * dim, dtype=dtype)
    return lambda: left @ right


def square_rate(half: bool) -> Callable[[], Any]:
    dtype = torch.bfloat16 if half else torch.float32
    square = torch.randn(1024, 1024, dtype=dtype)
    return lambda: square @ square


def attention(turns: int) -> dict[str, Any]:
    """Products of forward and backward (twice forward's) over time, over the rates of a product alone."""
    found = {}
    for dim in (128, 256, 384):
        encoder, head = make(
            "attention", embedding_dim=dim, num_heads=dim // 64, feedforward_dim=4 * dim, num_layers=4
        )
        for width in (40, 250):
            tokens = texts(8192, width)
            units, lengths = len(tokens.flat), tokens.lengths
            flops = 3 * 4 * (24 * dim * dim * units + 4 * dim * int((lengths * lengths).sum()))
            for half in (False, True):
                jobs = {
                    "step": partial(training_step, Pooled(encoder), head, tokens, half),
                    "square": square_rate(half),
                    "same": matrix_rate(dim, units, half),
                }
                seconds = median_seconds(jobs, turns)
                rate, square = flops / seconds["step"] / 1e9, 2 * 1024**3 / seconds["square"] / 1e9
                same = 8 * units * dim * dim / seconds["same"] / 1e9
                found[f"width {dim}, texts of {width}, {'bfloat16' if half else 'float32'}"] = {
                    "words/s": units / seconds["step"],
                    "GFLOP/s": rate,
                    "of 1024 x 1024": rate / square,
                    "of [N, D] x [D, 4D]": rate / same,
                }
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["recurrent", "cnn", "attention"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    found = {part: globals()[part](options.turns) for part in options.parts}
    text = json.dumps(found, indent=1, default=float)
    print(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
