"""One training: the loop, dev scores, the best weights, early stopping, and the state to go on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from textladder import distributed, streams
from textladder.batch import Ragged
from textladder.files import writing
from textladder.metrics.scores import Scores
from textladder.model import Model, in_order
from textladder.preparing import Data, Prepared
from textladder.recipe import Recipe
from textladder.releasing import give_back, trim
from textladder.signals import Interrupted, noted
from textladder.text.store import Store
from textladder.training.averaging import Average
from textladder.training.devices import pick_device
from textladder.training.feeding import Feed
from textladder.training.logging import RunLog
from textladder.training.loop import Progress, Step, fit, scheduled_steps, stretched
from textladder.training.optimizing import Optimizer, build_optimizer
from textladder.training.options import TrainingConfig
from textladder.training.precision import resolve_precision
from textladder.training.resuming import load_state, save_state
from textladder.training.stopwatch import timed
from textladder.training.streaming import StreamFeed
from textladder.training.threads import threads_for

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors


# Of a model without a weight that is trained: given vectors, put together by rule.
UNTRAINED = Step(
    step=0,
    epoch=0.0,
    loss=0.0,
    texts=0,
    units=0,
    seconds=0.0,
    learning_rate=0.0,
    gradient_norm=0.0,
    gradient_norms=None,
    check=True,
)


class Reporter(Protocol):
    """Who is told how it goes: a terminal, a notebook, nobody."""

    def note(self, text: str) -> None: ...
    def step(self, step: Step, options: TrainingConfig) -> None: ...
    def check(self, step: Step, scores: Scores, best: bool) -> None: ...


class Silent:
    """The Reporter that tells nobody."""

    def note(self, text: str) -> None: ...
    def step(self, step: Step, options: TrainingConfig) -> None: ...
    def check(self, step: Step, scores: Scores, best: bool) -> None: ...


@dataclass
class Keeper:
    """Which dev score was the best, and how many checks ago."""

    higher_is_better: bool
    best: float | None = None
    best_epoch: float = 0.0
    since: int = 0

    def offer(self, score: float, epoch: float) -> bool:
        """True if this score is the best so far."""
        better = (
            self.best is None
            or math.isnan(self.best)
            or (score > self.best if self.higher_is_better else score < self.best)
        )
        if better:
            self.best, self.best_epoch, self.since = score, epoch, 0
        else:
            self.since += 1
        return better


class Trainer:
    """A model in training. `out`: the folder of log and state; None keeps neither."""

    def __init__(
        self,
        recipe: Recipe,
        data: Data,
        prepared: Prepared,
        out: Path | None,
        *,
        device: str = "auto",
        reporter: Reporter | None = None,
        vectors: Path | WordVectors | None = None,
    ) -> None:
        self.data, self.prepared, self.out, self.reporter = data, prepared, out, reporter or Silent()
        torch.manual_seed(recipe.training.seed)
        self.model = Model(recipe, prepared.tokenizer, prepared.labels)
        encoder = self.model.encoder
        known = prepared.stores["train"]
        with timed() as counting:  # n-grams and what they say of labels is learned too
            encoder.prepare(
                Chunks(known, "text"), Chunks(known, "label") if self.model.task.labels_texts else None
            )
        give_back()  # n-grams were counted, and most forgotten
        if vectors is not None:
            from textladder.vectors.filling import fill

            self.reporter.note(fill(encoder.embedding, prepared.tokenizer.vocabulary, vectors).line())
        if recipe.training.freeze_embedding and encoder.embedding is not None:
            encoder.embedding.requires_grad_(False)
        self.model.to(pick_device(device))
        precision = resolve_precision(recipe.training.precision, encoder, self.model.device)
        self.options = replace(recipe.training, precision=precision)
        self.optimizer: Optimizer = build_optimizer(self.model, self.options)
        self.feed = self._feed(known)
        if encoder.memory is not None:
            encoder.memory.kept = self.options.accumulate
        self.options = stretched(self.feed, self.options)
        self.progress = Progress(seconds=counting.seconds)
        self.keeper = Keeper(self.model.task.higher_is_better)
        kind, decay = self.options.average, self.options.ema_decay
        self.average = Average(self.model, kind, decay, self.options.average_checks)
        self.best: dict[str, Tensor] = {}
        self.history: list[dict[str, Any]] = []
        self.stopped = "epochs"
        self._saved_at = 0.0

    def _feed(self, store: Store) -> Feed:
        task, encoder = self.model.task, self.model.encoder
        if not task.streams:
            ahead = [encoder.ahead] if task.texts_a_row == 1 else []  # which is of texts, a row each
            return Feed(store, task.collate, self.options, encoder.pads, *ahead, by=task.measured_by)
        width = self.model.recipe.tokenizer.max_length
        return StreamFeed(store, task.collate, self.options, width=width, carried=encoder.carries)

    @property
    def epochs(self) -> float:
        """Passes over the training texts so far."""
        if not self.progress.batch:
            return float(self.progress.epoch)
        return self.progress.epoch + self.progress.batch / self.feed.batches(self.progress.epoch)

    def train(self, resume: bool = False, stop_at: float | None = None) -> bool:
        """Steps until the options, the patience or a signal say stop; then the best weights are put back.

        stop_at: seconds of training, over all sittings, after which to stop for now: the state is saved and
        False returned.
        """
        if resume:
            self._load()
            self.reporter.note(f"continuing at step {self.progress.step:,}, epoch {self.epochs:.2f}")
        limit = math.inf if stop_at is None else stop_at
        if not self.optimizer.names:
            self.stopped = "nothing to train"
            with self._log() as log:
                self._check(UNTRAINED, log)
            return True
        with noted() as signals, self._log() as log, threads_for(self.model.encoder, self.model.task):
            if not self._out_of_patience() and (self.progress.seconds < limit or not self.progress.step):
                task, scheduled = self.model.task, scheduled_steps(self.feed, self.options)
                task.proceed(min(self.progress.step / scheduled, 1))
                for step in fit(self.model, self.feed, self.options, self.optimizer, self.progress):
                    task.proceed(min(step.step / scheduled, 1))
                    self.average.after_step(self.model)
                    self._record(step, log)
                    pause = step.seconds >= limit
                    if step.check or pause:
                        self._check(step, log)
                    signal = int(distributed.largest(signals[0]))
                    if signal or pause or step.seconds - self._saved_at >= self.options.save_seconds:
                        self._save()
                    if signal:
                        raise Interrupted(signal)
                    if self._out_of_patience():
                        break
                    if pause:
                        return False
        if self.progress.seconds >= limit and self.stopped == "epochs":
            self.stopped = "budget"
        elif self.progress.seconds >= (self.options.max_seconds or math.inf) and self.stopped == "epochs":
            self.stopped = "max_seconds"
        if self.best:
            self.model.load_state_dict(self.best)
        return True

    def _out_of_patience(self) -> bool:
        if self.options.patience and self.keeper.since >= self.options.patience:
            self.stopped = "early stopping"
        return self.stopped == "early stopping"

    def _record(self, step: Step, log: Callable[..., None]) -> None:
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
                texts=step.texts,
                units=step.units,
                gradient_norm=step.gradient_norm,
                gradient_norms=step.gradient_norms,
            )

    def _check(self, step: Step, log: Callable[..., None]) -> None:
        """Score dev with the weights that would be kept; keep them if they are the best."""
        self.optimizer.settle()  # a pause may come between the checks of the loop
        self.average.after_check(self.model)
        with self.average.applied(self.model), self.model.task.quickly():
            scores = self.score("dev", self.options.precision)
            best = self.keeper.offer(scores.headline, step.epoch)
            if best:
                self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.reporter.check(step, scores, best)
        check = {
            "step": step.step,
            "epoch": round(step.epoch, 4),
            "seconds": round(step.seconds, 3),
            "train_loss": step.loss if step.texts else None,
            "dev_score": scores.headline,
            "dev_loss": scores.values.get("log_loss"),
            "best": best,
        }
        self.history.append(check)
        log(event="check", **check)

    def outcomes(self, name: str, precision: str = "float32") -> Any:
        """Predictions for a part, one per text, each process doing its share."""
        store, rank, size = self.prepared.stores[name], distributed.rank(), distributed.size()
        if self.model.task.streams:
            return streams.outcomes(self.model, store, precision, shared=True)
        parts = distributed.gather(
            self.model.predict_columns(store, np.arange(rank, len(store), size), precision)
        )
        taken = [np.arange(process, len(store), size) for process in range(size)]
        joined = in_order(parts, np.concatenate(taken))
        owner = np.asarray(store.columns["owner"].flat)
        return self.model.task.merged(joined, owner, len(self.data.parts()[name]))

    def settle(self) -> None:
        """`Task.settle`"""
        store = self.prepared.stores["train"]
        with self.model.predicting():
            batches = self.model.batches(store, np.arange(len(store)))
            self.model.task.settle(self.model.encoder, batches)

    def score(self, name: str, precision: str = "float32") -> Scores:
        return self.model.task.score(self.outcomes(name, precision), self.data.parts()[name].golds)

    def _save(self) -> None:
        self._saved_at = self.progress.seconds
        trim()
        if self.out is None:
            return
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_tensors().items()}
        tensors |= self._lanes()
        notes = {"keeper": vars(self.keeper), "history": self.history}
        with writing(self.out):
            save_state(
                self.out / "resume",
                self.model,
                self.optimizer,
                self.progress,
                data=self.prepared.fingerprint,
                tensors=tensors,
                notes=notes,
            )

    def _lanes(self) -> dict[str, Tensor]:
        """The states of the lanes of all processes."""
        memory = self.model.encoder.memory
        if memory is None:
            return {}
        each = [part for part in distributed.gather(memory.state_tensors()) if part]
        joined = {name: torch.cat([part[name] for part in each]) for name in (each[0] if each else ())}
        return {f"lanes.{name}": value for name, value in joined.items()}

    def _load(self) -> None:
        assert self.out is not None, "a run without a folder has no state"
        tensors, notes = load_state(
            self.out / "resume", self.model, self.optimizer, self.progress, data=self.prepared.fingerprint
        )
        self.best = {n.removeprefix("best."): v for n, v in tensors.items() if n.startswith("best.")}
        average = {n.removeprefix("average."): v for n, v in tensors.items() if n.startswith("average.")}
        self.average.load_state_tensors(average)
        if self.model.encoder.memory is not None:
            lanes = {n.removeprefix("lanes."): v for n, v in tensors.items() if n.startswith("lanes.")}
            self.model.encoder.memory.load_state_tensors(lanes)
        vars(self.keeper).update(notes["keeper"])
        self.history = notes["history"]
        self._saved_at = self.progress.seconds

    @contextmanager
    def _log(self) -> Iterator[Callable[..., None]]:
        if self.out is None or not distributed.is_main():
            yield lambda **event: None
            return
        with writing(self.out), RunLog(self.out, self.progress.step) as log:
            yield log.write


@dataclass(frozen=True)
class Chunks:
    """A column of a store, a few thousand texts at a time, as often as it is asked for."""

    store: Store
    column: str

    def __iter__(self) -> Iterator[Ragged]:
        for start in range(0, len(self.store), 4096):
            yield self.store.slice(start, min(start + 4096, len(self.store)))[self.column]
