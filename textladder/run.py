"""Recipe and data to run folder: the one place where all parts meet.

OUT/recipe.toml  log.jsonl  predictions.jsonl  scores.json  model/  resume/ (until finished)
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from textladder import distributed, replacing
from textladder.card import model_card
from textladder.errors import Problem
from textladder.files import WORK, locked, read_json, write_text, writing
from textladder.measuring import measure, measure_stream, peak_memory_mb, training_rates
from textladder.metrics.intervals import bootstrap
from textladder.model import Model
from textladder.parts import CHUNK
from textladder.preparing import Data, Part, Prepared, prepare
from textladder.recipe import Recipe
from textladder.replacing import Kind, let_go
from textladder.signals import Interrupted, noted
from textladder.tasks.task import Task
from textladder.tasks.translated import Translated
from textladder.trainer import Reporter, Silent, Trainer
from textladder.training.logging import RunLog
from textladder.training.resuming import STATE

if TYPE_CHECKING:
    from textladder.counted import CountedModel
    from textladder.vectors.wordvectors import WordVectors

FORMAT_VERSION = 1
RUN = Kind(
    "a run",
    names=(
        *("recipe.toml", "scores.json", "log.jsonl", "predictions.jsonl"),
        *("model", "resume", "tensorboard", WORK),
    ),
    mark="recipe.toml",
    begun=("log.jsonl", "scores.json"),
)


def train(
    recipe: Recipe,
    data: Data,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    reporter: Reporter | None = None,
    vectors: Path | WordVectors | None = None,
    stop_at: float | None = None,
) -> dict[str, Any]:
    """Train one model and leave the run folder `out` (see `claimed`); returns what scores.json holds.

    resume continues a stopped run bit for bit, and returns at once when it is finished. stop_at: seconds of
    training, over all sittings, after which to stop for now; what is returned then has only "paused",
    "dev_score" and "training_seconds" (called again with the same stop_at, the run is finished as it stands).
    Raises Problem when `out` cannot be written, Interrupted after a signal, with the state saved.
    """
    reporter = reporter or Silent()
    _check_vectors(recipe, vectors)
    if resume and (out / "scores.json").exists():
        reporter.note(f"{out} is finished already")
        shutil.rmtree(out / WORK, ignore_errors=True)
        return read_json(out / "scores.json")
    if distributed.is_main():
        write_text(out / "recipe.toml", recipe.to_toml())
    prepared = prepare(recipe, data, out / WORK / str(distributed.rank()), out / "resume", vectors)
    _report_cuts(recipe, prepared, reporter)
    if len(set(distributed.gather(prepared.fingerprint))) > 1:
        raise Problem(
            str(out),
            "the processes have different texts, labels or vocabularies.",
            "Give every machine the same files and the same versions of the libraries.",
        )
    if recipe.counted:  # by the first process, for all
        return distributed.on_main(lambda: _count(recipe, data, prepared, out, reporter))
    trainer = Trainer(recipe, data, prepared, out, device=device, reporter=reporter, vectors=vectors)
    if distributed.is_main():
        let_go(out)  # only now is it known that there is something to train
    if not trainer.train(resume and (out / "resume" / STATE).exists(), stop_at):
        return {
            "paused": True,
            "dev_score": trainer.keeper.best,
            "training_seconds": trainer.progress.seconds,
        }
    _choose_on_dev(trainer)
    scores = _finish(Trained.of(trainer), out)
    distributed.barrier()
    if distributed.is_main():
        shutil.rmtree(out / WORK, ignore_errors=True)
        shutil.rmtree(out / "resume", ignore_errors=True)
    return scores


def train_model(
    recipe: Recipe,
    data: Data,
    work: Path,
    *,
    device: str = "auto",
    reporter: Reporter | None = None,
    vectors: Path | WordVectors | None = None,
) -> tuple[Model | CountedModel, list[dict[str, Any]]]:
    """Train one model and leave nothing on disk but in `work`, which may be removed: the calibrated model and
    its dev scores."""
    reporter = reporter or Silent()
    _check_vectors(recipe, vectors)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers are not ours to seed
        prepared = prepare(recipe, data, work, vectors=vectors)
        _report_cuts(recipe, prepared, reporter)
        if recipe.counted:
            counted = _counted(recipe, data, prepared, work / "ngrams", reporter)
            return counted.model, [_only_check(counted)]
        trainer = Trainer(recipe, data, prepared, None, device=device, reporter=reporter, vectors=vectors)
        trainer.train()
    _choose_on_dev(trainer)
    return trainer.model.eval(), trainer.history


def _choose_on_dev(trainer: Trainer) -> None:
    """`Task.settle` and `Task.finish`, where a task has something to count or to choose."""
    task = trainer.model.task
    if task.settles:
        trainer.settle()
    if type(task).finish is not Task.finish:
        task.finish(trainer.outcomes("dev"), trainer.data.dev.golds)


@contextmanager
def claimed(out: Path, recipe: Recipe, resume: bool, overwrite: bool) -> Iterator[None]:
    """Makes `out` ready for `train` (see `replacing.claimed`). Raises Problem if it holds a run that would be
    lost (neither resume nor overwrite) or that is another one than `recipe` (resume)."""

    def check() -> None:
        if not resume:
            state = "a finished run" if (out / "scores.json").exists() else "an unfinished run"
            raise Problem(
                str(out),
                f"this folder holds {state}.",
                "Add --resume to go on, --overwrite to start anew, or give another --out.",
            )
        before, now = Recipe.load(out / "recipe.toml").tables(every=True), recipe.tables(every=True)
        changed = [
            f"{table}.{key}"
            for table, values in now.items()
            if isinstance(values, dict)
            for key in dict.fromkeys([*values, *before[table]])
            if before[table].get(key) != values.get(key)
        ]
        if changed:
            raise Problem(
                str(out),
                f"the run there has other settings ({', '.join(changed)}).",
                "Give the same, or another --out.",
            )

    def claim() -> None:
        if (out / "request.json").exists():
            raise Problem(str(out), "this folder holds a compare.", "Give another --out.")
        stack.enter_context(replacing.claimed(out, RUN, recipe.to_toml(), overwrite, check))

    with ExitStack() as stack:
        distributed.on_main(claim)
        yield


def _check_vectors(recipe: Recipe, vectors: Path | WordVectors | None) -> None:
    if recipe.counted and vectors is not None:
        raise Problem("--vectors", f"{recipe.rung} has no vectors of units.", "Leave it out.")


def _report_cuts(recipe: Recipe, prepared: Prepared, reporter: Reporter) -> None:
    for note in prepared.notes:
        reporter.note(note)
    for name, cut in prepared.cuts.items():
        for note in cut.notes(recipe.tokenizer):
            reporter.note(f"{name}: {note}")


@dataclass(frozen=True)
class Trained:
    """A model whose training is over, and what is to be told of it. outcomes: predictions for a part, one per
    text. seconds: of training, over all sittings."""

    model: Model | CountedModel
    data: Data
    prepared: Prepared
    outcomes: Callable[[str], Any]
    seconds: float
    epochs: float = 1.0
    best_epoch: float = 1.0
    stopped: str = "one pass"
    precision: str = "float32"
    more: dict[str, Any] = field(default_factory=dict)  # what only this kind of model has to tell

    @classmethod
    def of(cls, trainer: Trainer) -> Trained:
        seconds, epochs, best = trainer.progress.seconds, trainer.epochs, trainer.keeper.best_epoch
        how = (seconds, epochs, best, trainer.stopped, trainer.options.precision)
        return cls(trainer.model, trainer.data, trainer.prepared, trainer.outcomes, *how)


def _count(
    recipe: Recipe,
    data: Data,
    prepared: Prepared,
    out: Path,
    reporter: Reporter,
) -> dict[str, Any]:
    """`train` where nothing is trained by gradient: it is fast enough to begin anew after a stop."""
    try:
        counted = _counted(recipe, data, prepared, out / WORK / "ngrams", reporter)
        let_go(out)
        with writing(out), RunLog(out, 0) as log:
            log.write(event="check", step=1, **_only_check(counted))
        return _finish(counted, out)
    finally:
        shutil.rmtree(out / WORK, ignore_errors=True)
        shutil.rmtree(out / "resume", ignore_errors=True)


def _counted(
    recipe: Recipe,
    data: Data,
    prepared: Prepared,
    folder: Path,
    reporter: Reporter,
) -> Trained:
    from textladder.counted import count

    if useless := [f"training.{key}" for key in recipe.tables()["training"] if key != "seed"]:
        reporter.note(f"{recipe.rung} is counted: no difference is made by {', '.join(useless)}")
    with noted() as signals:

        def check() -> None:
            if signals[0]:
                raise Interrupted(signals[0], saved=False)

        parts = (prepared.tokenizer, prepared.labels, prepared.stores)
        model, seconds, notes = count(recipe, *parts, folder, check=check)
        check()
    for note in notes:
        reporter.note(note)
    return Trained(
        model,
        data,
        prepared,
        lambda name: model.block_outcomes(prepared.stores[name]),
        seconds,
        more={"ngrams": model.facts()},
    )


def _only_check(counted: Trained) -> dict[str, Any]:
    """The line of the log, or of the history, of a model that is made at once."""
    scores = counted.model.task.score(counted.outcomes("dev"), counted.data.dev.golds)
    return {
        "epoch": 1.0,
        "seconds": round(counted.seconds, 3),
        "train_loss": None,
        "dev_score": scores.headline,
        "dev_loss": scores.values.get("log_loss"),
        "best": True,
    }


def _finish(trained: Trained, out: Path) -> dict[str, Any]:
    """Score dev and test, measure the cost, write the folder."""
    model, data = trained.model, trained.data
    assert data.test is not None, "a run has test texts"
    outcomes = {name: trained.outcomes(name) for name in ("dev", "test")}
    scored = {name: score_summary(model, outcomes[name], data.parts()[name]) for name in outcomes}
    del scored["dev"]["details"]
    summary: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "task": model.recipe.task_name,
        "rung": model.recipe.rung,
        "seed": model.recipe.training.seed,
        "units": model.recipe.tokenizer.units,
        "metric": model.task.headline,
        "higher_is_better": model.task.higher_is_better,
        **scored,
        "training_seconds": round(trained.seconds, 3),
        "training_texts": len(data.train),
        **_training_rates(trained),
        "epochs": round(trained.epochs, 3),
        "best_epoch": round(trained.best_epoch, 3),
        "stopped": trained.stopped,
        "precision": trained.precision,
        "parameters": model.parameter_count,
        "tokenizer": {
            "units": model.recipe.tokenizer.units,
            "vocabulary": len(model.tokenizer.vocabulary),
            "texts_cut": {name: cut.texts_cut for name, cut in trained.prepared.cuts.items()},
        },
        "data": data.notes + trained.prepared.notes,
        **trained.more,
    }
    if isinstance(model, Model) and model.encoder.receptive_field is not None:
        summary["receptive_field"] = model.encoder.receptive_field
    if distributed.is_main():
        summary["peak_memory_mb"] = round(peak_memory_mb(), 1)
        if isinstance(model, Model) and not model.task.streams:
            summary |= measure(model, data.test)
        else:
            summary |= measure_stream(model, data.test)
        model.save(out / "model", model_card(model.recipe, summary, model.labels))
        summary["size_mb"] = round(sum(file.stat().st_size for file in (out / "model").rglob("*")) / 1e6, 4)
        write_predictions(out / "predictions.jsonl", model, outcomes["test"], data.test)
        write_text(out / "scores.json", json.dumps(summary, ensure_ascii=False, indent=1))
    return summary


def _training_rates(trained: Trained) -> dict[str, Any]:
    train, seconds, epochs = trained.data.train, trained.seconds, trained.epochs
    if trained.model.task.streams:
        return training_rates(train, trained.prepared.stores["train"], seconds, epochs)
    return {"training_texts_per_second": round(len(train) * epochs / max(seconds, 1e-9), 1)}


def score_summary(model: Model | CountedModel, outcomes: Any, part: Part) -> dict[str, Any]:
    """Scores of a part as JSON: the headline with its bootstrap interval, those of other metrics if there are
    any ("intervals"), every metric by name, tables."""
    scores = model.task.score(outcomes, part.golds)
    task, more = model.task, {}
    if isinstance(task, Translated):
        intervals = {name: bootstrap(one) for name, one in task.statistics(outcomes, part.golds).items()}
        interval = intervals[task.headline]
        more = {"intervals": {name: [each.low, each.high] for name, each in intervals.items()}}
    else:
        interval = bootstrap(task.statistic(outcomes, part.golds))
    policy = [model.context_policy] if model.task.streams else []
    return {
        "score": scores.headline,
        "interval": [interval.low, interval.high],
        **more,
        "count": scores.count,
        "scores": {name: value if math.isfinite(value) else None for name, value in scores.values.items()},
        "signature": "; ".join([scores.signature, *policy, interval.signature]),
        "details": scores.details,
    }


def write_predictions(path: Path, model: Model | CountedModel, outcomes: Any, part: Part) -> None:
    """One JSON object per text, in order: where it stood, the text, its label, what was predicted."""
    golds, examples = part.golds, part.examples()
    size = len(part) if model.task.judged_together else CHUNK
    with writing(path), path.open("w", encoding="utf-8") as file:
        for start in range(0, len(part), max(size, 1)):
            some = slice(start, start + size)
            for said in model.task.judged(outcomes[some], golds[some]):
                example = next(examples)
                given = example.texts[: model.task.texts_a_row]  # of a translation, the source
                texts = dict(zip(("text", "second"), given, strict=False))
                line = {"where": example.where, **texts, **said}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


__all__ = ["claimed", "locked", "score_summary", "train", "train_model", "write_predictions"]
