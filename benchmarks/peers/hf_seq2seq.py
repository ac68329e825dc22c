"""Transformers and CTranslate2: MarianMT made from a configuration and trained by Seq2SeqTrainer; and beam
search with the weights of a model of ours."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import child

PAD, UNKNOWN, BEGIN, END, IGNORED = 0, 1, 2, 3, -100


def train(
    ids: str,
    vocabulary: int,
    steps: int,
    warm_up: int,
    batch: int,
    width: int,
    layers: int,
    heads: int,
    hidden: int,
) -> dict[str, Any]:
    """Real target units a second of whole steps, after `warm_up` of them: batches of `batch` pairs in random
    order, each padded to its longest."""
    import logging

    from transformers import (
        MarianConfig,
        MarianMTModel,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        TrainerCallback,
    )

    logging.disable(logging.WARNING)
    torch.set_num_threads(child.threads())
    pairs = read(ids)
    given: dict[str, Any] = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", layers), ("attention_heads", heads), ("ffn_dim", hidden))
    }
    config = MarianConfig(
        vocab_size=vocabulary,
        decoder_vocab_size=vocabulary,
        d_model=width,
        activation_function="relu",
        dropout=0.2,
        pad_token_id=PAD,
        bos_token_id=BEGIN,
        eos_token_id=END,
        decoder_start_token_id=BEGIN,
        forced_eos_token_id=None,
        scale_embedding=True,
        **given,
    )
    torch.manual_seed(1)
    model, counts = MarianMTModel(config), []

    def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        sources, targets = (padded([row[name] for row in rows], fill) for name, fill in FILLS)
        counts.append(int((targets != IGNORED).sum()))
        return {"input_ids": sources, "attention_mask": (sources != PAD).long(), "labels": targets}

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.began = self.ended = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if state.global_step == warm_up:
                self.began = time.perf_counter()
            self.ended = time.perf_counter()

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        options = Seq2SeqTrainingArguments(
            output_dir=folder,
            max_steps=warm_up + steps,
            per_device_train_batch_size=batch,
            learning_rate=1e-3,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
            seed=1,
        )
        Seq2SeqTrainer(
            model=model, args=options, train_dataset=pairs, data_collator=collate, callbacks=[clock]
        ).train()
    units = sum(counts[warm_up : warm_up + steps])
    return {
        "units_per_second": units / (clock.ended - clock.began),
        "steps": steps,
        "parameters": model.num_parameters(),
        "precision": "float32",
    }


FILLS = (("text", PAD), ("label", IGNORED))


def read(path: str) -> list[dict[str, Any]]:
    parts = np.load(path)
    lists = {
        name: np.split(parts[f"{name}_flat"], parts[f"{name}_offsets"][1:-1]) for name in ("text", "label")
    }
    return [{"text": text, "label": label} for text, label in zip(lists["text"], lists["label"], strict=True)]


def padded(rows: list[Any], fill: int) -> Tensor:
    """[B, T]"""
    found = torch.full((len(rows), max(map(len, rows))), fill, dtype=torch.int64)
    for number, row in enumerate(rows):
        found[number, : len(row)] = torch.as_tensor(np.asarray(row, np.int64))
    return found


def translate(folder: str, beam: int, length_penalty: float, batch: int, alone: int) -> dict[str, Any]:
    """generate(): batches of sources of similar length."""
    torch.set_num_threads(child.threads())
    model, said = loaded(folder)
    sources, longest = said["sources"], said["longest"]
    asked: dict[str, Any] = {"num_beams": beam, "length_penalty": length_penalty, "do_sample": False}
    asked["suppress_tokens"] = [UNKNOWN]

    def answer(places: list[int]) -> dict[int, list[int]]:
        ids = padded([sources[place] for place in places], PAD)
        most = max(longest[place] for place in places)
        with torch.inference_mode():
            out = model.generate(ids, attention_mask=(ids != PAD).long(), max_new_tokens=most, **asked)
        return {place: plain(row.tolist()[1:]) for place, row in zip(places, out, strict=True)}

    return measured(answer, said, batch, alone) | {"parameters": model.num_parameters()}


def ctranslate(
    folder: str, beam: int, length_penalty: float, batch: int, alone: int, workers: int
) -> dict[str, Any]:
    """CTranslate2 in float32; workers: of the threads, each with its share of them."""
    import ctranslate2
    from ctranslate2.converters.transformers import _MODEL_LOADERS

    model, said = loaded(folder)
    model.config.normalize_before, model.config.normalize_embedding = True, False  # of which Pegasus is
    names = [f"u{number}" for number in range(len(said["vocabulary"]))]
    spec = _MODEL_LOADERS["PegasusConfig"].get_model_spec(model)
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.bos_token, spec.config.eos_token = names[BEGIN], names[END]
    spec.config.unk_token, spec.config.decoder_start_token = names[UNKNOWN], names[BEGIN]
    spec.config.add_source_bos = spec.config.add_source_eos = False
    with tempfile.TemporaryDirectory() as name:
        spec.validate()
        spec.save(name)
        translator = ctranslate2.Translator(
            name, inter_threads=workers, intra_threads=child.threads() // workers, compute_type="float32"
        )
    sources, longest = said["sources"], said["longest"]

    def answer(places: list[int]) -> dict[int, list[int]]:
        out = translator.translate_batch(
            [[names[unit] for unit in sources[place]] for place in places],
            beam_size=beam,
            length_penalty=length_penalty,
            max_batch_size=batch,
            disable_unk=True,
            max_decoding_length=max(longest[place] for place in places),
        )
        return {
            place: [int(unit[1:]) for unit in one.hypotheses[0]]
            for place, one in zip(places, out, strict=True)
        }

    return measured(answer, said, len(sources), alone)


def measured(answer: Any, said: dict[str, Any], batch: int, alone: int) -> dict[str, Any]:
    sources = said["sources"]
    order = sorted(range(len(sources)), key=lambda place: len(sources[place]))
    answer(order[:5])
    found: dict[int, list[int]] = {}
    began = time.perf_counter()
    for start in range(0, len(order), batch):
        found |= answer(order[start : start + batch])
    seconds, each = time.perf_counter() - began, []
    for place in range(alone):
        began = time.perf_counter()
        answer([place])
        each.append(time.perf_counter() - began)
    same = [found[place] == plain(units) for place, units in enumerate(said["translations"])]
    return {
        "sentences_per_second": len(sources) / seconds,
        "one_sentence_ms": 1e3 * statistics.median(each),
        "units_written": sum(len(units) + 1 for units in found.values()),
        "same_as_ours": statistics.mean(same),
    }


def plain(units: list[int]) -> list[int]:
    """Up to </s>, without it and without padding."""
    kept = units[: units.index(END)] if END in units else units
    return [unit for unit in kept if unit != PAD]


def loaded(folder: str) -> tuple[Any, dict[str, Any]]:
    from safetensors.torch import load_file
    from transformers import PegasusConfig, PegasusForConditionalGeneration

    said = json.loads((Path(folder) / "export.json").read_text(encoding="utf-8"))
    model = PegasusForConditionalGeneration(PegasusConfig(**said["config"])).eval()
    state = load_file(Path(folder) / "model.safetensors")
    missing, unknown = model.load_state_dict(state, strict=False)
    assert not [*missing, *unknown], "not all weights are the model's"
    return model, said


def job(task: str, **arguments: Any) -> dict[str, Any]:
    return {"train": train, "translate": translate, "ctranslate": ctranslate}[task](**arguments)


if __name__ == "__main__":
    child.run(job)
