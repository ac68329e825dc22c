"""Transformers: GPT-2 made from a configuration and trained by Trainer, as run_clm.py does it (texts joined
and cut into blocks); and `generate` with its cache."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import child, held_out
from benchmarks.peers.nanogpt import judge

PROBE_STEPS, WARM_UP_STEPS = 20, 4  # the first steps are slower than all that follow
TEMPERATURE = 0.8


def gpt2(units: int, block: int, layers: int, heads: int, width: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=units,
        n_positions=block,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config)


def train(
    train: str,
    valid: str,
    vocabulary: int,
    block: int,
    layers: int,
    heads: int,
    width: int,
    batch: int,
    seconds: float,
    learning_rate: float = 1e-3,
    precision: str = "float32",
) -> dict[str, Any]:
    """seconds: of training, which the learning rate falls over (cosine); how many steps they are is tried
    before."""
    import logging

    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.utils import logging as told

    told.set_verbosity_error()
    logging.disable(logging.WARNING)
    torch.set_num_threads(child.threads())
    began = time.perf_counter()
    ids, judged = encoded(train, valid, vocabulary)
    preparing = time.perf_counter() - began
    rows = ids[: len(ids) // block * block].view(-1, block)
    blocks = [{"input_ids": row, "labels": row} for row in rows]

    class Clock(TrainerCallback):
        """Stops when the seconds are over."""

        def __init__(self, limit: float | None) -> None:
            self.limit, self.began, self.seconds, self.warm = limit, 0.0, 0.0, 0.0

        def on_train_begin(self, *args: Any, **more: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.seconds = time.perf_counter() - self.began
            if state.global_step == WARM_UP_STEPS:
                self.warm = self.seconds
            if self.limit is not None and self.seconds >= self.limit:
                control.should_training_stop = True

    def fit(model: Any, steps: int, limit: float | None) -> tuple[int, Clock]:
        """Steps taken, and how long they took."""
        clock = Clock(limit)
        with tempfile.TemporaryDirectory() as folder:
            options = TrainingArguments(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=batch,
                learning_rate=learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=min(100, steps // 10),
                weight_decay=0.1,
                bf16=precision == "bfloat16",
                use_cpu=True,
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                seed=1,
            )
            trainer = Trainer(model=model, args=options, train_dataset=blocks, callbacks=[clock])
            trainer.train()
        return trainer.state.global_step, clock

    shape = (vocabulary, block, layers, heads, width)
    tried = fit(gpt2(*shape), PROBE_STEPS, None)[1]
    rate = (PROBE_STEPS - WARM_UP_STEPS) / (tried.seconds - tried.warm)
    model = gpt2(*shape)
    steps, clock = fit(model, max(round(seconds * rate), 1), seconds)
    took = clock.seconds
    model.eval()
    nats = judge(scores_of(model), judged, block, block // 2)
    characters = len(Path(valid).read_text(encoding="utf-8"))
    return {
        "seconds": took,
        "preparing_seconds": preparing,
        "units_per_second": steps * batch * block / took,
        "nats": nats,
        "bits_per_character": held_out.bits(nats) * (len(judged) - 1) / characters,
        "steps": steps,
        "vocabulary": vocabulary,
        "units": len(ids),
        "parameters": model.num_parameters(),
        "precision": precision,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }


def encoded(train: str, valid: str, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Both texts as ids of a byte-level BPE learnt on the first, as GPT-2's: it loses no character."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train(train, vocab_size=vocabulary, show_progress=False)
    parts = []
    for path in (train, valid):
        with Path(path).open(encoding="utf-8", newline="") as file:
            ids = [one for line in tokenizer.encode_batch(file.readlines()) for one in line.ids]
        parts.append(torch.tensor(ids))
    return parts[0], parts[1]


def scores_of(model: Any) -> Callable[[Tensor], Tensor]:
    return lambda ids: model(ids).logits


@torch.no_grad()
def generate(
    units: int, block: int, layers: int, heads: int, width: int, length: int, batch: int, turns: int = 3
) -> dict[str, Any]:
    """`length` characters of `batch` texts, with weights as they are drawn: they do not change the speed."""
    torch.set_num_threads(child.threads())
    model = gpt2(units, block, layers, heads, width).eval()
    start = torch.ones(batch, 1, dtype=torch.long)
    asked: dict[str, Any] = {"do_sample": True, "temperature": TEMPERATURE, "top_k": 0, "use_cache": True}
    asked |= {"pad_token_id": 0, "attention_mask": torch.ones_like(start)}
    model.generate(start, min_new_tokens=8, max_new_tokens=8, **asked)
    seconds = []
    for _ in range(turns):
        began = time.perf_counter()
        said = model.generate(start, min_new_tokens=length, max_new_tokens=length, **asked)
        seconds.append(time.perf_counter() - began)
    assert said.shape == (batch, length + 1)
    return {
        "seconds": statistics.median(seconds),
        "characters_per_second": batch * length / statistics.median(seconds),
        "parameters": model.num_parameters(),
    }


def job(task: str, **arguments: Any) -> dict[str, Any]:
    return {"train": train, "generate": generate}[task](**arguments)


if __name__ == "__main__":
    child.run(job)
