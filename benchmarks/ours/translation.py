"""A translator of ours: its training steps, its translations, and its weights for peers to read."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import child
from textladder import recipe, translating
from textladder.batch import Tokens
from textladder.layers.embedding import PAD
from textladder.layers.positions import sinusoids
from textladder.preparing import prepare, read_data
from textladder.text.tokenizing import BEGIN, END
from textladder.text.two_files import joined
from textladder.trainer import Trainer
from textladder.training.loop import fit
from textladder.training.threads import threads_for

NEVER = -1e9  # added to the score of a unit that is never written
LONGEST = 1024  # positions that a peer's table has


def train(
    files: list[str], rung: str, steps: int, warm_up: int, settings: list[str], ids: str | None = None
) -> dict[str, Any]:
    """Target units (and </s>) a second of whole optimizer steps, after `warm_up` of them. ids: a file that
    gets the units of all pairs, for peers to train on the same."""
    chosen = recipe.rung(rung, "translate").set(settings).with_training(max_steps=warm_up + steps)
    torch.set_num_threads(child.threads())
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        work = Path(folder)
        data = read_data(chosen.data, work / "data", joined(*files), reads="translations")
        prepared = prepare(chosen, data, work)
        columns = prepared.stores["train"].columns
        if ids is not None:
            parts = {name: columns[name] for name in ("text", "label")}
            lists = {f"{name}_flat": np.asarray(part.flat) for name, part in parts.items()}
            np.savez(ids, **lists, **{f"{name}_offsets": part.offsets for name, part in parts.items()})
        trainer = Trainer(chosen, data, prepared, None)
        targets = columns["label"].lengths
        units, began, used, done = 0, 0.0, 0.0, 0
        steps_taken = fit(trainer.model, trainer.feed, trainer.options, trainer.optimizer, trainer.progress)
        with threads_for(trainer.model.encoder, trainer.model.task):  # as `Trainer` has it
            for step in steps_taken:
                if step.step == warm_up:
                    units, began, used = 0, time.perf_counter(), time.process_time()
                elif step.step > warm_up:
                    units += int(targets[trainer.feed.rows(0, step.step - 1)].sum())
                done = step.step
        seconds, used = time.perf_counter() - began, time.process_time() - used
        plan, lengths = trainer.feed.plan(0), trainer.feed.lengths
        return {
            "units_per_second": units / seconds,
            "units_per_processor_second": units / used,
            "steps": done - warm_up,
            "padding": plan.padding_share(targets),
            "padding_of_sources": plan.padding_share(lengths),
            "precision": trainer.options.precision,
            "parameters": trainer.model.parameter_count,
            "vocabulary": len(prepared.tokenizer),
        }


def translate(
    run: str, sources: str, references: str, beam: int, length_penalty: float, alone: int
) -> dict[str, Any]:
    """Sentences a second of all lines, and the median milliseconds of one alone, of `alone` lines."""
    from textladder.metrics.translation import score

    torch.set_num_threads(child.threads())
    model = translating.translator(run)
    options = translating.options_of(model, beam=beam, length_penalty=length_penalty)
    texts = Path(sources).read_text(encoding="utf-8").splitlines()
    translating.translate(model, texts[:20], options)
    began = time.perf_counter()
    written = translating.translate(model, texts, options)
    seconds, each = time.perf_counter() - began, []
    for text in texts[:alone]:
        began = time.perf_counter()
        translating.translate(model, [text], options)
        each.append(time.perf_counter() - began)
    said = [best[0].text for best in written]
    wanted = Path(references).read_text(encoding="utf-8").splitlines()
    return {
        "sentences_per_second": len(texts) / seconds,
        "one_sentence_ms": 1e3 * statistics.median(each),
        "units_written": sum(best[0].units for best in written),
        "bleu": score(said, wanted, metric="bleu", tokenize="13a").values["bleu"],
        "parameters": model.parameter_count,
    }


def export(run: str, sources: str, out: str, beam: int, length_penalty: float) -> dict[str, Any]:
    """Writes the weights of a pre-norm Transformer under the names of Pegasus, which is built the same
    (transformers), with the units of the sources and of our translations of them."""
    from safetensors.torch import save_file

    model = translating.translator(run)
    task, encoder = translating.task_of(model), model.encoder
    options = translating.options_of(model, beam=beam, length_penalty=length_penalty)
    texts = Path(sources).read_text(encoding="utf-8").splitlines()
    rows = model.rows(texts).columns["text"]
    found: list[list[int]] = []
    with model.predicting():
        for start in range(0, len(texts), 64):
            some = Tokens.of(rows.slice(start, min(start + 64, len(texts))))
            found += [list(best[0].ids) for best in task.search(encoder, some, options)]
    config, folder = encoder.config, Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(pegasus(encoder, task), folder / "model.safetensors")
    shape = {
        "vocab_size": len(model.tokenizer),
        "d_model": config.embedding_dim,
        "encoder_layers": config.num_layers,
        "decoder_layers": len(task.decoder.layers),
        "encoder_attention_heads": config.num_heads,
        "decoder_attention_heads": config.num_heads,
        "encoder_ffn_dim": config.feedforward_dim,
        "decoder_ffn_dim": config.feedforward_dim,
        "activation_function": config.activation,
        "scale_embedding": config.scale_embedding,
        "max_position_embeddings": LONGEST,
        "pad_token_id": PAD,
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "decoder_start_token_id": BEGIN,
        "forced_eos_token_id": None,
    }
    said = {"config": shape, "sources": [row.tolist() for row in rows], "translations": found}
    said["longest"] = task.longest(torch.from_numpy(rows.lengths)).tolist()
    said["vocabulary"] = list(model.tokenizer.vocabulary)
    (folder / "export.json").write_text(json.dumps(said), encoding="utf-8")
    return {"sentences": len(found), "parameters": model.parameter_count}


def pegasus(encoder: Any, task: Any) -> dict[str, torch.Tensor]:
    """name -> weight."""
    state: dict[str, torch.Tensor] = {}

    def put(name: str, part: Any) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = part.weight, part.bias

    def block(name: str, layer: Any) -> None:
        put(f"{name}.self_attn_layer_norm", layer.attention_norm)
        split(name, "self_attn", "q_proj k_proj v_proj", layer.attention.projection)
        put(f"{name}.self_attn.out_proj", layer.attention.output)
        put(f"{name}.final_layer_norm", layer.feedforward_norm)
        put(f"{name}.fc1", layer.widen)
        put(f"{name}.fc2", layer.narrow)

    def split(name: str, branch: str, products: str, joint: Any) -> None:
        names = products.split()
        weights, biases = joint.weight.chunk(len(names)), joint.bias.chunk(len(names))
        for product, weight, bias in zip(names, weights, biases, strict=True):
            state[f"{name}.{branch}.{product}.weight"], state[f"{name}.{branch}.{product}.bias"] = (
                weight,
                bias,
            )

    for number, layer in enumerate(encoder.layers):
        block(f"model.encoder.layers.{number}", layer)
    for number, layer in enumerate(task.decoder.layers):
        name = f"model.decoder.layers.{number}"
        block(name, layer.block)
        put(f"{name}.encoder_attn_layer_norm", layer.cross_norm)
        split(name, "encoder_attn", "q_proj", layer.cross.query)
        split(name, "encoder_attn", "k_proj v_proj", layer.cross.pairs)
        put(f"{name}.encoder_attn.out_proj", layer.cross.output)
    put("model.encoder.layer_norm", encoder.norm)
    put("model.decoder.layer_norm", task.decoder.norm)
    table, output = encoder.embedding.weight, task.output
    shift = table.new_full((1, len(table)), NEVER)
    known = (output.bias + output.never).clamp(min=NEVER)
    shift[0, output.tokens - len(known) : output.tokens] = known
    state |= {"model.shared.weight": table, "lm_head.weight": table, "final_logits_bias": shift}
    for side in ("encoder", "decoder"):
        state[f"model.{side}.embed_tokens.weight"] = table
        state[f"model.{side}.embed_positions.weight"] = sinusoids(LONGEST, table.shape[1])
    return {name: value.detach().clone().contiguous() for name, value in state.items()}


def job(task: str, **arguments: Any) -> dict[str, Any]:
    return {"train": train, "translate": translate, "export": export}[task](**arguments)


if __name__ == "__main__":
    child.run(job)
