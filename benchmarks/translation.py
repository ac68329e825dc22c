"""How fast translators train and translate: `python -m benchmarks.translation train.en train.de [--run RUN
--test test.en]`.

Training: target units (and </s>) a second of whole optimizer steps, and the share of positions that would be
padding if each batch were padded. With --run: sentences a second of a beam of 5 over the test file, and the
median milliseconds of one sentence alone. Seconds of the processor are what a shared machine can tell.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from textladder import recipe, translating
from textladder.preparing import prepare, read_data
from textladder.text.two_files import joined
from textladder.trainer import Trainer
from textladder.training.loop import fit

WARM_UP, ALONE = 10, 100  # steps, sentences


def training(files: str, rung: str, steps: int, settings: list[str]) -> dict[str, Any]:
    chosen = recipe.rung(rung, "translate").set(settings).with_training(max_steps=WARM_UP + steps)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = read_data(chosen.data, work / "data", files, look_for_leakage=False, reads="translations")
        prepared = prepare(chosen, data, work)
        trainer = Trainer(chosen, data, prepared, None)
        targets = prepared.stores["train"].columns["label"].lengths
        units, began, used, done = 0, 0.0, 0.0, 0
        for step in fit(trainer.model, trainer.feed, trainer.options, trainer.optimizer, trainer.progress):
            if step.step == WARM_UP:
                units, began, used = 0, time.perf_counter(), time.process_time()
            elif step.step > WARM_UP:
                units += int(targets[trainer.feed.rows(0, step.step - 1)].sum())
            done = step.step
        seconds, used = time.perf_counter() - began, time.process_time() - used
        plan, lengths = trainer.feed.plan(0), trainer.feed.lengths
        return {
            "rung": rung,
            "steps": done - WARM_UP,
            "target_units_per_second": round(units / seconds),
            "target_units_per_processor_second": round(units / used),
            "padding_of_sources": round(plan.padding_share(lengths), 4),
            "padding_of_targets": round(plan.padding_share(targets), 4),
            "precision": trainer.options.precision,
            "parameters": trainer.model.parameter_count,
        }


def translation(run: str, test: str) -> dict[str, Any]:
    model = translating.translator(run)
    texts = Path(test).read_text(encoding="utf-8").splitlines()
    translating.translate(model, texts[:20])
    began, used = time.perf_counter(), time.process_time()
    translating.translate(model, texts)
    seconds, used, alone = time.perf_counter() - began, time.process_time() - used, []
    for text in texts[:ALONE]:
        began = time.process_time()
        translating.translate(model, [text])
        alone.append(1000 * (time.process_time() - began))
    return {
        "run": run,
        "beam": translating.task_of(model).config.beam,
        "sentences_per_second": round(len(texts) / seconds, 1),
        "sentences_per_processor_second": round(len(texts) / used, 1),
        "one_sentence_processor_ms": round(statistics.median(alone), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs=2, metavar="FILE")
    parser.add_argument("--rung", default="transformer")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--run")
    parser.add_argument("--test")
    given = parser.parse_args()
    print(json.dumps(training(joined(*given.files), given.rung, given.steps, given.set)))
    if given.run:
        print(json.dumps(translation(given.run, given.test)))


if __name__ == "__main__":
    main()
