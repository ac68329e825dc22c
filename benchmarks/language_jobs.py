"""What is measured of language models: per job the systems that take turns, and the lines of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import Result, System, run_once
from benchmarks.jobs import Job, Line, peer

HELD = "training_peak_memory_mb"
TARGET = 1.91  # nats per character of the last tenth of tiny Shakespeare: what nanoGPT's recipe comes to
BEST_SECONDS = 1800.0


@dataclass(frozen=True)
class LanguageLine(Line):
    """A line whose "quality" is a loss, of which less is better."""

    loss: str = "nats"

    def row(self, found: dict[str, Result]) -> dict[str, Any]:
        row = super().row(found)
        return row | {
            "quality": [found.get(name or "", {}).get(self.loss) for name in (self.ours, self.peer)]
        }


def made(make: str, **arguments: Any) -> dict[str, Any]:
    """Files of a job, made in a process of their own."""
    found = run_once(System(make, "benchmarks.ours.language_data", {"make": make, **arguments}), threads=2)
    if "error" in found:
        raise SystemExit(f"The files for {make} could not be made: {found['error']}")
    return found


def ours(name: str, rung: str, files: dict[str, Any], units: str, settings: list[str], **more: Any) -> System:
    given = {"train": files["train"], "valid": files["held_out"], "units": units, "settings": settings}
    timeout = 1200.0 + 2 * more.get("seconds", 0.0)
    return System(name, "benchmarks.ours.language", {"rung": rung, **given, **more}, timeout=timeout)


def beside(name: str, module: str, files: dict[str, Any], **arguments: Any) -> System:
    """A peer that needs nothing but torch: it runs in our environment, with the same torch."""
    given = {"train": files["train"], "valid": files["held_out"], **arguments}
    return System(name, f"benchmarks.peers.{module}", given)


def costs(what: str, mine: str, other: str, unit: str = "characters/s") -> list[Line]:
    return [
        LanguageLine(f"{what}: training", mine, "units_per_second", unit, "higher", None, other),
        LanguageLine(f"{what}: parameters", mine, "parameters", "", "lower", None, other),
        LanguageLine(f"{what}: peak memory", mine, HELD, "MB", "lower", None, other),
    ]


# As for the peers: every unit of the training text is known, and nothing but the number of steps ends it.
EVERY_UNIT = ["tokenizer.min_count=1", "training.patience=0"]


def nanogpt(quick: bool) -> Job:
    """Tiny Shakespeare to 1.91 nats, with 0.8 M parameters. Both are checked every 77 k characters or so."""
    files = made("shakespeare", quick=quick)
    target = 3.0 if quick else TARGET
    short = {"iterations": 40, "check_every": 10} if quick else {}
    theirs = beside("nanoGPT, CPU recipe", "nanogpt", files, task="train", target=target, **short)
    # The rung's three epochs go on to a lower loss; one is enough for this one.
    settings = [*EVERY_UNIT, "training.epochs=1", f"training.checks_per_epoch={4 if quick else 13}"]
    mine = ours("gpt", "gpt", files, "character", settings, target=target)
    what = f"gpt, tiny Shakespeare: training to {target:g} nats"
    lines: list[Line] = [
        LanguageLine(what, mine.name, "seconds_to_target", "s", "lower", 0.5, theirs.name),
        *costs("gpt, tiny Shakespeare", mine.name, theirs.name),
    ]
    return Job([mine, theirs], lines)


def best(quick: bool) -> Job:
    """The best model of tiny Shakespeare after half an hour."""
    files = made("shakespeare", quick=quick)
    seconds = 3.0 if quick else BEST_SECONDS
    given = [*EVERY_UNIT, *BEST]
    mine = ours("lstm, 30 minutes", "lstm", files, "character", given, seconds=seconds)
    what = "lstm, tiny Shakespeare: held-out loss after 30 minutes"
    return Job([mine], [LanguageLine(what, mine.name, "nats", "nats", "lower", 1.55, reach_on="value")], 1)


BEST = ["encoder.dropout=0.3", "encoder.output_dropout=0.3"]  # it reads the text ten times and more


def lstm(quick: bool, kind: str, files: dict[str, Any], settings: list[str], loop: dict[str, Any]) -> Job:
    """Our lstm beside the loop around nn.LSTM: the same width, lanes, window and number of units."""
    steps = 3 if quick else loop["steps"]
    width, layers, batch, bptt = (loop[key] for key in ("width", "layers", "batch", "bptt"))
    units = "character" if kind == "characters" else "whitespace"
    given = [
        *settings,
        f"encoder.embedding_dim={width}",
        f"encoder.hidden_dim={width}",
        f"encoder.num_layers={layers}",
        f"tokenizer.max_length={bptt}",
        f"training.batch_texts={batch}",
        f"training.max_steps={steps}",
        "training.epochs=100",
    ]
    precisions = ["float32", "bfloat16"] if bfloat16_here() else ["float32"]
    names = {p: f"lstm {kind}, {p}" for p in precisions}
    theirs = {p: f"nn.LSTM {kind}, {p}" for p in precisions}
    mine, other = f"lstm {kind}, as shipped", theirs["float32"]
    if len(precisions) == 1:  # which it is as shipped
        names["float32"] = mine
    systems = [ours(mine, "lstm", files, units, given)]
    for p in precisions:
        if names[p] != mine:
            systems.append(ours(names[p], "lstm", files, units, [*given, f'training.precision="{p}"']))
        arguments = loop | {"steps": steps, "units": units, "precision": p}
        systems.append(beside(theirs[p], "torch_lstm", files, **arguments))
    what, unit, reach = f"lstm, {kind}: training", f"{kind}/s", 1.5 if kind == "characters" else 2.5
    rate = "units_per_second"
    lines: list[Line] = [LanguageLine(what, mine, rate, unit, "higher", reach, other)]
    if len(precisions) > 1:
        lines += [
            LanguageLine(f"{what}, {p}", names[p], rate, unit, "higher", None, theirs[p]) for p in precisions
        ]
    lines += [
        LanguageLine(f"lstm, {kind}: parameters", mine, "parameters", "", "lower", None, other),
        LanguageLine(f"lstm, {kind}: peak memory", mine, HELD, "MB", "lower", None, other),
    ]
    return Job(systems, lines)


def bfloat16_here() -> bool:
    """Whether this machine multiplies in bfloat16 in hardware; where it does not, it is no use to measure."""
    import torch

    from textladder.training.precision import has_bfloat16

    return has_bfloat16(torch.device("cpu"))


def lstm_characters(quick: bool) -> Job:
    loop: dict[str, Any] = {"width": 512, "layers": 2, "batch": 50, "bptt": 100, "steps": 60}
    # After 200,000 characters 2.44 nats; the example's SGD with a rate of 20 gives 3.46 (on words it wins).
    loop |= {"optimizer": "adam", "learning_rate": 0.002}
    return lstm(quick, "characters", made("shakespeare", quick=quick), EVERY_UNIT, loop)


def lstm_words(quick: bool) -> Job:
    loop: dict[str, Any] = {"width": 200, "layers": 2, "batch": 20, "bptt": 35, "steps": 200}
    return lstm(quick, "words", made("words", quick=quick), EVERY_UNIT, loop)


SIZES = {  # of generation: nanoGPT's recipes for a laptop, with a longer context, and for a GPU
    "0.8 M": {"block": 256, "layers": 4, "heads": 4, "width": 128},
    "10.7 M": {"block": 256, "layers": 6, "heads": 6, "width": 384},
}


def generate(quick: bool) -> Job:
    """Sampling 240 characters, one text and sixteen at a time."""
    files = made("shakespeare", quick=True)  # for its characters: what the weights are does not matter
    systems, lines = [], []
    length = 24 if quick else 240
    for size, shape in list(SIZES.items())[: 1 if quick else None]:
        for batch in (1, 16):
            case = f"{size}, batch {batch}"
            mine, sampler, cached = (f"{who}, {case}" for who in ("gpt", "nanoGPT's sampler", "HF generate"))
            asked = {"units": 65, **shape, "length": length, "batch": batch}
            given = {"train": files["train"], **shape}
            systems += [
                System(
                    mine,
                    "benchmarks.ours.language_generate",
                    {"rung": "gpt", **given, "length": length, "batch": batch},
                ),
                System(sampler, "benchmarks.peers.nanogpt", {"task": "generate", **asked}),
                peer(cached, "hf_gpt2", task="generate", **asked),
            ]
            what = f"gpt, {size}, cached generation, batch {batch}"
            lines += [
                Line(what, mine, "characters_per_second", "characters/s", "higher", 10.0, other)
                for other in (sampler, cached)
            ]
    return Job(systems, lines)


def wiki(quick: bool) -> Job:
    """Wikipedia 2018 in 8 k subwords: how far equal time takes two GPT-2s of one size."""
    files = made("wiki", quick=quick)
    seconds = 5.0 if quick else 100.0
    shape = {"block": 128, "layers": 4, "heads": 4, "width": 256}
    vocabulary, batch = (1000 if quick else 8000), 16
    settings = [
        f"tokenizer.vocabulary_size={vocabulary}",
        f"tokenizer.max_length={shape['block']}",
        f"encoder.max_length={shape['block']}",
        f"encoder.num_layers={shape['layers']}",
        f"encoder.num_heads={shape['heads']}",
        f"encoder.embedding_dim={shape['width']}",
        f"encoder.feedforward_dim={4 * shape['width']}",
        "encoder.dropout=0.0",
        "encoder.input_dropout=0.0",
        f"training.batch_texts={batch}",
        "training.patience=0",
    ]
    mine = ours("gpt, subwords", "gpt", files, "bpe", settings, seconds=seconds)
    asked = {"train": files["train"], "valid": files["held_out"], "vocabulary": vocabulary, "batch": batch}
    theirs = peer("HF GPT-2, Trainer", "hf_gpt2", task="train", **asked, **shape, seconds=seconds)
    what = f"gpt, Wikipedia, subwords: bits per character after {seconds:.0f} s"
    return Job(
        [mine, theirs],
        [
            LanguageLine(what, mine.name, "bits_per_character", "", "lower", 1.0, theirs.name),
            LanguageLine(
                "gpt, Wikipedia, subwords: training",
                mine.name,
                "units_per_second",
                "tokens/s",
                "higher",
                2.0,
                theirs.name,
            ),
            *costs("gpt, Wikipedia, subwords", mine.name, theirs.name, "tokens/s")[1:],
        ],
    )


def growth(quick: bool) -> Job:
    """The training text ten times over: ten times the time, the same memory. Models are small: what is asked
    is how their costs grow."""
    systems, lines = [], []
    once = [*EVERY_UNIT, "training.epochs=1"]
    settings = {
        "lstm": [*once, "encoder.embedding_dim=256", "encoder.hidden_dim=256", "encoder.num_layers=1"],
        "gpt": [*once, "encoder.embedding_dim=96", "encoder.feedforward_dim=384", "encoder.num_layers=1"],
        "ngram": ["tokenizer.min_count=1", "encoder.order=5"],
    }
    for rung, given in settings.items():
        for times in (1, 10):
            files = made("repeated", quick=quick, times=times)
            systems.append(ours(f"{rung} x{times}", rung, files, "character", given))
        for what, key, unit, reach in (
            ("time of training", "seconds", "s", 10.5),
            ("time of the whole command", "whole_seconds", "s", None),
            ("peak memory", HELD, "MB", 1.1),
        ):
            name = f"{rung}, corpus x10 over x1: {what}"
            lines.append(Line(name, f"{rung} x10", key, unit, "lower", reach, f"{rung} x1"))
    return Job(systems, lines, 1)


JOBS: dict[str, Callable[[bool], Job]] = {
    "nanogpt": nanogpt,
    "best": best,
    "lstm-characters": lstm_characters,
    "lstm-words": lstm_words,
    "generate": generate,
    "wiki": wiki,
    "growth": growth,
}
