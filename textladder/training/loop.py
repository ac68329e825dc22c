"""The only training loop. It is a generator: the caller's `for` is the callback.

    for step in fit(model, feed, options, optimizer, progress):
        log(step)
        if step.check:
            ...score dev, keep the best, leave the loop to stop

What it promises: an update is exact whatever the padding, the accumulation, the number of processes, or a
batch that was split for lack of memory (sums and counts, divided once; but for losses that set the rows of a
batch against each other, `Batch.together`: for them a batch is what a process computes in one go); a run
continued from a saved `Progress` takes the steps that it would have taken without the stop; a loss that is
not finite stops before the update.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from textladder import distributed
from textladder.batch import Batch
from textladder.errors import Problem
from textladder.training.feeding import Feed, my_share
from textladder.training.optimizing import Optimizer, clip, gradient_norms, learning_rate_at
from textladder.training.options import TrainingConfig
from textladder.training.stopwatch import timed

Rows = NDArray[np.int64]


@dataclass
class Progress:
    """Where a run stands: what is saved beside weights and optimizer state, to go on from here."""

    epoch: int = 0
    batch: int = 0  # batches of this epoch that are done
    step: int = 0  # optimizer steps that are done
    seconds: float = (
        0.0  # of training, and counting n-grams, over all sittings; not scoring, saving, compiling
    )
    pieces: int = 1  # parts that a batch is split into since memory ran out


@dataclass(frozen=True)
class Step:
    """What one optimizer step was like."""

    step: int
    epoch: float  # with its fraction
    loss: float  # mean per count (per text for classify)
    texts: int
    units: int
    seconds: float  # of training so far
    learning_rate: float
    gradient_norm: float
    gradient_norms: dict[str, float] | None  # per layer, on the steps that are logged
    check: bool  # time to score dev
    note: str = ""


def fit(
    model: nn.Module, feed: Feed, options: TrainingConfig, optimizer: Optimizer, progress: Progress
) -> Iterator[Step]:
    """Train until `options` says stop; `progress` is kept up to date in place.

    model is called as model(batch) -> Loss. Yields after every optimizer step. The caller may put the model
    in eval mode and need not put it back. It may call the model at any step; before it reads weights itself,
    it calls `optimizer.settle()`, unless `check` is set. Raises Problem when the loss is not finite, and when
    one text alone does not fit in memory.
    """
    with optimizer.deferring():
        yield from _steps(model, feed, options, optimizer, progress)


def _steps(
    model: nn.Module, feed: Feed, options: TrainingConfig, optimizer: Optimizer, progress: Progress
) -> Iterator[Step]:
    scheduled = scheduled_steps(feed, options)
    while progress.epoch < options.epochs and not _over(progress, options):
        in_epoch = feed.batches(progress.epoch)
        end = math.ceil(in_epoch * min(options.epochs - progress.epoch, 1))
        while progress.batch < end and not _over(progress, options):
            with timed() as watch:
                group = range(progress.batch, min(progress.batch + options.accumulate, end))
                rows = [feed.rows(progress.epoch, number) for number in group]
                factor = learning_rate_at(progress.step, scheduled, options)
                logged = progress.step % options.log_every == 0
                loss, norm, norms, note = _update(
                    model, feed, group, options, optimizer, progress=progress, factor=factor, logged=logged
                )
            progress.batch, progress.step = group.stop, progress.step + 1
            # One clock for all processes, so that all stop after the same step.
            progress.seconds = distributed.share(progress.seconds + watch.seconds)
            last = progress.batch == end and progress.epoch + 1 >= options.epochs
            due = _check_due(group, in_epoch, options.checks_per_epoch)
            check = last or due or _over(progress, options)
            if check or options.average == "ema":  # which reads all weights after every step
                optimizer.settle()
            yield Step(
                step=progress.step,
                epoch=progress.epoch + progress.batch / in_epoch,
                loss=loss,
                texts=sum(map(len, rows)),
                units=sum(map(feed.units, rows)),
                seconds=progress.seconds,
                learning_rate=options.learning_rate * factor,
                gradient_norm=norm,
                gradient_norms=norms,
                check=check,
                note=note,
            )
        if progress.batch >= in_epoch:
            progress.epoch, progress.batch = progress.epoch + 1, 0
        elif progress.batch >= end:  # the share of an epoch that was asked for
            return


def scheduled_steps(feed: Feed, options: TrainingConfig) -> int:
    """Optimizer steps that the learning rate is scheduled over. Epochs may differ by a few batches; they are
    taken to be as long as the first."""
    whole, share = divmod(options.epochs, 1)
    batches = feed.batches(0)
    steps = math.ceil(batches / options.accumulate) * int(whole)
    steps += math.ceil(math.ceil(batches * share) / options.accumulate)
    return max(1, min(steps, options.max_steps or steps))


def stretched(feed: Feed, options: TrainingConfig) -> TrainingConfig:
    """The options, with more epochs and as much more patience where the data is too small for `min_steps`."""
    factor = math.ceil(options.min_steps / scheduled_steps(feed, options))
    if factor <= 1:
        return options
    return replace(options, epochs=options.epochs * factor, patience=options.patience * factor)


def _over(progress: Progress, options: TrainingConfig) -> bool:
    """True when the steps or the seconds that were allowed are used up; one step is always taken."""
    seconds = options.max_seconds if progress.step else None
    return (options.max_steps is not None and progress.step >= options.max_steps) or (
        seconds is not None and progress.seconds >= seconds
    )


def _check_due(group: range, in_epoch: int, per_epoch: int) -> bool:
    """True if one of the points that part an epoch in `per_epoch` equal shares lies in this group of
    batches."""
    return math.floor(group.stop * per_epoch / in_epoch) > math.floor(group.start * per_epoch / in_epoch)


def _update(
    model: nn.Module,
    feed: Feed,
    group: range,
    options: TrainingConfig,
    optimizer: Optimizer,
    *,
    progress: Progress,
    factor: float,
    logged: bool,
) -> tuple[float, float, dict[str, float] | None, str]:
    """One optimizer step over the batches `group` of an epoch: mean loss, gradient norm, norms per layer, a
    note."""
    if not model.training:
        model.train()
    parameters = list(optimizer.names.values())
    device, note = parameters[0].device, ""
    while True:
        optimizer.zero_grad()
        batches = _batches(feed, progress, group)
        (count,) = distributed.total(sum(batch.count for batch in batches))
        apart = any(batch.together for batch in batches)
        total, failure = _accumulate(model, batches, max(count, 1), options.precision, device)
        (failures,) = distributed.total(float(failure is not None))
        if not failures:  # all processes go on, or all try again
            break
        longest = max(len(feed.rows(progress.epoch, number)) for number in group)
        if progress.pieces >= math.ceil(longest / distributed.size()):
            raise Problem(
                f"step {progress.step + 1}",
                "one text alone does not fit in memory.",
                "Use a smaller encoder, or a smaller --set tokenizer.max_length.",
            ) from failure
        progress.pieces *= 2
        same = "not the same result: each is contrasted with fewer texts" if apart else "same result"
        note = f"out of memory: each batch is now trained in {progress.pieces} parts ({same})"
    distributed.sum_gradients(parameters)
    (total,) = distributed.total(total)
    norm = clip(parameters, options.clip_norm)
    if not count or not math.isfinite(total) or not math.isfinite(norm):
        raise Problem(
            f"step {progress.step + 1}, epoch {progress.epoch + 1}",
            f"the loss is {total / max(count, 1):g} and its gradient {norm:g}; the weights are unchanged.",
            f"Try a lower learning rate: --set training.learning_rate={options.learning_rate / 10:g}",
        )
    norms = gradient_norms(model) if logged else None
    optimizer.set_learning_rate(options.learning_rate * factor)
    optimizer.step()
    return total / count, norm, norms, note


def _batches(feed: Feed, progress: Progress, group: range) -> list[Batch]:
    """This process's share of some batches of the epoch, each in as many parts as memory asks for."""
    if progress.pieces == 1:
        made = [feed.made(progress.epoch, number) for number in group]
        return [batch for batch in made if batch is not None]
    parts = [np.array_split(my_share(feed.rows(progress.epoch, n)), progress.pieces) for n in group]
    return [feed.batch(piece) for part in parts for piece in part if len(piece)]


def _accumulate(
    model: nn.Module, batches: list[Batch], count: float, precision: str, device: torch.device
) -> tuple[float, BaseException | None]:
    """Add the gradients of total / count over this process's batches. Returns the summed loss, and the error
    if memory ran out."""
    losses, reduced = [], precision == "bfloat16"
    try:
        for batch in batches:
            with torch.autocast(device.type, torch.bfloat16) if reduced else nullcontext():
                loss = model(batch if device.type == "cpu" else batch.to(device))
            (loss.total / count).backward()
            losses.append(loss.total.detach())
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        # Without its traceback, whose frames would hold on to the memory that the next attempt needs.
        return math.nan, error.with_traceback(None)
    return float(sum(losses)), None


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        words in text for words in ("out of memory", "not enough memory", "can't allocate memory")
    )
