"""Recipe and data to run folder: the one place where all parts meet.

    OUT/recipe.toml  log.jsonl  predictions.jsonl  scores.json  model/  resume/ (until finished)
"""

from __future__ import annotations

import json
import math
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from textladder import distributed
from textladder.errors import Problem
from textladder.files import locked, write_text, writing
from textladder.measuring import measure, peak_memory_mb
from textladder.metrics.intervals import bootstrap
from textladder.metrics.scores import Scores
from textladder.model import Model
from textladder.preparing import Data, Part, Prepared, prepare
from textladder.recipe import Recipe
from textladder.text.store import Store
from textladder.training.averaging import Average
from textladder.training.feeding import Feed
from textladder.training.loop import Progress, Step, fit
from textladder.training.optimizing import Optimizer, build_optimizer
from textladder.training.precision import resolve_precision
from textladder.training.resuming import STATE, load_state, save_state

FORMAT_VERSION = 1
SAVE_SECONDS = 30.0  # at most this much training is repeated after a kill


class Reporter(Protocol):
    """Who is told how it goes: a terminal, a notebook, nobody."""

    def note(self, text: str) -> None: ...
    def step(self, step: Step, options: Any) -> None: ...
    def check(self, step: Step, scores: Scores, best: bool) -> None: ...


class Silent:
    def note(self, text: str) -> None: ...
    def step(self, step: Step, options: Any) -> None: ...
    def check(self, step: Step, scores: Scores, best: bool) -> None: ...


class Interrupted(Exception):
    """SIGINT or SIGTERM arrived; the state was saved. `code` is the exit code that the system expects."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@dataclass
class Keeper:
    """The best weights so far by the dev score, and how long ago they were the best."""

    higher_is_better: bool
    best: float | None = None
    best_epoch: float = 0.0
    since: int = 0
    checks: int = 0

    def offer(self, score: float, epoch: float) -> bool:
        self.checks += 1
        better = self.best is None or (score > self.best if self.higher_is_better else score < self.best)
        if better:
            self.best, self.best_epoch, self.since = score, epoch, 0
        else:
            self.since += 1
        return better


def train(
    recipe: Recipe,
    data: Data,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    reporter: Reporter | None = None,
    vectors: Path | None = None,
) -> dict[str, Any]:
    """Train one model and leave the run folder `out`; returns what scores.json holds.

    resume continues a stopped run bit for bit (and returns at once when it is finished). Raises Problem when `out` is
    in use, holds another run, or cannot be written; Interrupted after a signal, with the state saved.
    """
    reporter = reporter or Silent()
    with locked(out):
        finished = _look_at_folder(recipe, data, out, resume, overwrite)
        if finished is not None:
            reporter.note(f"{out} is finished already")
            return finished
        work = out / "work" / str(distributed.rank())
        prepared = prepare(recipe, data, work)
        for name, cut in prepared.cuts.items():
            for line in cut.lines(recipe.tokenizer):
                reporter.note(f"{name}: {line}")
        trainer = Trainer(recipe, prepared, data, out, device, reporter, vectors)
        trainer.train(resume and (out / "resume" / STATE).exists())
        scores = trainer.finish()
        distributed.barrier()
        if distributed.is_main():
            shutil.rmtree(out / "work", ignore_errors=True)
            shutil.rmtree(out / "resume", ignore_errors=True)
        return scores


def pick_device(name: str) -> torch.device:
    """auto: the accelerator of this machine if there is one, else the processor."""
    if name == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return found or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise Problem("--device", f"{name!r} is not to be had here ({error}).", "Use --device auto or cpu.") from error
    return device


class Trainer:
    """One training from its first step, or from a saved one, to its run folder."""

    def __init__(
        self,
        recipe: Recipe,
        prepared: Prepared,
        data: Data,
        out: Path,
        device: str,
        reporter: Reporter,
        vectors: Path | None,
    ) -> None:
        self.prepared, self.data, self.out, self.reporter = prepared, data, out, reporter
        torch.manual_seed(recipe.training.seed)
        self.model = Model(recipe, prepared.tokenizer, prepared.labels)
        encoder = self.model.encoder
        encoder.prepare(_texts(prepared.stores["train"]))
        if vectors is not None:
            from textladder.text.wordvectors import fill

            reporter.note(fill(encoder.embedding, prepared.tokenizer.vocabulary, vectors).line())
        if recipe.training.freeze_embedding and encoder.embedding is not None:
            encoder.embedding.requires_grad_(False)
        self.model.to(pick_device(device))
        precision = resolve_precision(recipe.training.precision, encoder, self.model.device)
        self.options = replace(recipe.training, precision=precision)
        self.optimizer: Optimizer = build_optimizer(self.model, self.options)
        self.feed = Feed(prepared.stores["train"], self.model.task.collate, self.options, encoder.pads)
        self.progress = Progress()
        self.keeper = Keeper(self.model.task.higher_is_better)
        self.average = Average(self.model, self.options.average, self.options.ema_decay)
        self.best: dict[str, Tensor] = {}
        self.stopped = "epochs"
        self._saved_at = 0.0

    def train(self, resume: bool) -> None:
        """Steps until the options, the patience or a signal say stop; then the best weights are put back."""
        if resume:
            self._load()
            self.reporter.note(f"continuing at step {self.progress.step}, epoch {self.progress.epoch + 1}")
        elif distributed.is_main():
            write_text(self.out / "recipe.toml", self.model.recipe.to_toml())
            (self.out / "log.jsonl").unlink(missing_ok=True)
        with _signals() as arrived, self._log() as log:
            if not self._done():
                for step in fit(self.model, self.feed, self.options, self.optimizer, self.progress):
                    self.average.after_step(self.model)
                    self._record(step, log)
                    if step.check:
                        self._check(step, log)
                        if self._done():
                            break
                    stop_by = max(distributed.gather(arrived[0]))
                    if stop_by:
                        self._save()
                        raise Interrupted(stop_by)
            if self.options.max_seconds is not None and self.progress.seconds >= self.options.max_seconds:
                self.stopped = "max_seconds"
        if self.best:
            self.model.load_state_dict(self.best, strict=False)

    def _done(self) -> bool:
        if self.options.patience and self.keeper.since >= self.options.patience:
            self.stopped = "early stopping"
            return True
        return False

    def _record(self, step: Step, log: Any) -> None:
        self.reporter.step(step, self.options)
        if step.note:
            self.reporter.note(step.note)
        if step.gradient_norms is not None:
            log(
                event="step",
                step=step.step,
                epoch=round(step.epoch, 4),
                seconds=round(step.seconds, 3),
                loss=step.loss,
                learning_rate=step.learning_rate,
                texts_per_second=round(step.texts / max(step.seconds, 1e-9), 1),
                gradient_norm=step.gradient_norm,
                gradient_norms=step.gradient_norms,
            )

    def _check(self, step: Step, log: Any) -> None:
        """Score dev with the weights that would be kept; keep them if they are the best."""
        self.average.after_epoch(self.model)
        averaged = self.options.average != "none"
        if averaged:
            self.average.swap(self.model)
        scores = self._score("dev", self.options.precision)
        best = self.keeper.offer(scores.headline, step.epoch)
        if best:
            self.best = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
        if averaged:
            self.average.swap(self.model)
        self.reporter.check(step, scores, best)
        log(
            event="check",
            step=step.step,
            epoch=round(step.epoch, 4),
            seconds=round(step.seconds, 3),
            train_loss=step.loss,
            dev_score=scores.headline,
            dev_loss=scores.values.get("log_loss"),
            best=best,
        )
        if self.progress.seconds - self._saved_at >= SAVE_SECONDS:
            self._save()

    def _outcomes(self, name: str, precision: str) -> Any:
        """Predictions for a part, each process doing its share."""
        store = self.prepared.stores[name]
        size, rank = distributed.size(), distributed.rank()
        rows = np.arange(rank, len(store), size)
        parts = distributed.gather(self.model.predict_columns(store, rows, precision))
        joined = np.empty((len(store), *parts[0].shape[1:]), parts[0].dtype)
        for first, part in enumerate(parts):
            joined[first::size] = part
        owner = store.columns["owner"].flat
        return self.model.merged(joined, np.asarray(owner), len(getattr(self.data, name)))

    def _score(self, name: str, precision: str) -> Scores:
        part: Part = getattr(self.data, name)
        return self.model.task.score(self._outcomes(name, precision), part.golds)

    # --- saving and going on -------------------------------------------------------------------------------------

    def _save(self) -> None:
        self._saved_at = self.progress.seconds
        if not distributed.is_main():
            return
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_tensors().items()}
        with writing(self.out):
            save_state(
                self.out / "resume", self.model, self.optimizer, self.progress, tensors, {"keeper": vars(self.keeper)}
            )

    def _load(self) -> None:
        tensors, notes = load_state(self.out / "resume", self.model, self.optimizer, self.progress)
        self.best = {n.removeprefix("best."): v for n, v in tensors.items() if n.startswith("best.")}
        self.average.load_state_tensors(
            {n.removeprefix("average."): v for n, v in tensors.items() if n.startswith("average.")}
        )
        vars(self.keeper).update(notes["keeper"])
        self._saved_at = self.progress.seconds
        _cut_log(self.out / "log.jsonl", self.progress.step)

    @contextmanager
    def _log(self) -> Iterator[Any]:
        if not distributed.is_main():
            yield lambda **event: None
            return
        from textladder.training.logging import RunLog

        with writing(self.out), RunLog(self.out) as log:
            yield log.write

    # --- what comes out ------------------------------------------------------------------------------------------

    def finish(self) -> dict[str, Any]:
        """Calibrate on dev, score dev and test, measure cost, write the folder."""
        model, task = self.model, self.model.task
        dev = self._outcomes("dev", "float32")
        task.finish(dev, self.data.dev.golds)
        outcomes = {name: self._outcomes(name, "float32") for name in ("dev", "test")}
        summary: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "task": model.recipe.task_name,
            "rung": model.recipe.rung,
            "seed": self.options.seed,
            "units": model.recipe.tokenizer.units,
        }
        for name, outcome in outcomes.items():
            summary[name] = self._summary(outcome, getattr(self.data, name), details=name == "test")
        summary["metric"] = summary["test"].pop("metric")
        summary["dev"].pop("metric")
        summary["higher_is_better"] = task.higher_is_better
        texts = len(self.data.train) * (self.progress.epoch + self.progress.batch / max(1, self.feed.batches(self.progress.epoch)))
        summary |= {
            "training_seconds": round(self.progress.seconds, 3),
            "training_texts": len(self.data.train),
            "training_texts_per_second": round(texts / max(self.progress.seconds, 1e-9), 1),
            "epochs": round(self.progress.epoch + self.progress.batch / max(1, self.feed.batches(self.progress.epoch)), 3),
            "best_epoch": round(self.keeper.best_epoch, 3),
            "stopped": self.stopped,
            "precision": self.options.precision,
            "parameters": model.parameter_count,
            "tokenizer": {
                "units": model.recipe.tokenizer.units,
                "vocabulary": len(model.tokenizer.vocabulary),
                "texts_cut": {name: cut.texts_cut for name, cut in self.prepared.cuts.items()},
            },
            "data": self.data.notes,
        }
        if distributed.is_main():
            from textladder.card import model_card

            summary |= measure(model, self.data.test)
            model.save(self.out / "model", model_card(model.recipe, summary, model.labels))
            summary["size_mb"] = round(sum(f.stat().st_size for f in (self.out / "model").iterdir()) / 1e6, 4)
            summary["peak_memory_mb"] = round(peak_memory_mb(), 1)
            write_predictions(self.out / "predictions.jsonl", model, outcomes["test"], self.data.test)
            write_text(self.out / "scores.json", json.dumps(summary, ensure_ascii=False, indent=1))
        return summary

    def _summary(self, outcomes: Any, part: Part, details: bool) -> dict[str, Any]:
        return score_summary(self.model, outcomes, part, details)


def score_summary(model: Model, outcomes: Any, part: Part, details: bool) -> dict[str, Any]:
    """Scores of a part as JSON: headline with its bootstrap interval, every metric by name, tables."""
    scores = model.task.score(outcomes, part.golds)
    interval = bootstrap(model.task.statistic(outcomes, part.golds))
    summary: dict[str, Any] = {
        "metric": scores.metric,
        "score": scores.headline,
        "interval": [interval.low, interval.high],
        "count": scores.count,
        "scores": {name: None if math.isnan(value) else value for name, value in scores.values.items()},
        "signature": f"{scores.signature}; {interval.signature}",
    }
    if details:
        summary["details"] = scores.details
    return summary


def write_predictions(path: Path, model: Model, outcomes: Any, part: Part) -> None:
    """One JSON object per text, in order: where it stood, the text, its label, what was predicted."""
    with writing(path), path.open("w", encoding="utf-8") as file:
        for example, said in zip(part.examples(), model.task.present(outcomes), strict=True):
            line = {"where": example.where, "text": example.texts[0], **model.task.judged(said, example)}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _texts(store: Store) -> Iterator[Any]:
    for start in range(0, len(store), 4096):
        yield store.slice(start, min(start + 4096, len(store)))["text"]


def _look_at_folder(recipe: Recipe, data: Data, out: Path, resume: bool, overwrite: bool) -> dict[str, Any] | None:
    """The scores if `out` is finished and may be kept; Problem if it holds what must not be overwritten."""
    kept, scores = out / "recipe.toml", out / "scores.json"
    if overwrite:
        for name in ("recipe.toml", "scores.json", "log.jsonl", "predictions.jsonl"):
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / "resume", ignore_errors=True)
        return None
    if not kept.exists():
        return None
    if not resume:
        state = "a finished run" if scores.exists() else "an unfinished run"
        raise Problem(str(out), f"this folder holds {state}.", "Add --resume to go on, --overwrite to start anew, or give another --out.")
    before, now = Recipe.load(kept).tables(every=True), recipe.tables(every=True)
    differing = [f"{t}.{k}" for t in now if isinstance(now[t], dict) for k in now[t] if before[t].get(k) != now[t][k]]
    if differing:
        raise Problem(str(out), f"the run there has other settings ({', '.join(differing)}).", "Give the same settings, or another --out.")
    return json.loads(scores.read_text(encoding="utf-8")) if scores.exists() else None


def _cut_log(path: Path, step: int) -> None:
    """Drop what was logged after the state that the run continues from: it will be logged again."""
    if path.exists():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if json.loads(line)["step"] <= step]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM are noted, to be acted on between two steps; a second one acts at once."""
    arrived = [0]

    def handle(number: int, frame: Any) -> None:
        if arrived[0]:
            raise KeyboardInterrupt
        arrived[0] = number

    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
