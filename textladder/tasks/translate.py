"""Text to other text: an encoder reads the source, a decoder writes the target unit by unit. What is said of
translations afterwards: `translated`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textladder.batch import Batch, Example, Loss, Ragged, Tokens
from textladder.errors import Problem
from textladder.layers.together import alone, as_here, limit, together
from textladder.ragged import Pairs
from textladder.ranges import Share
from textladder.search import Coverage, Hypothesis, SearchConfig, Stepper, Tree, beam, drawn
from textladder.tasks.histories import ScheduleName, mixed, share_at
from textladder.tasks.task import Encode, Rows, Task
from textladder.tasks.translated import Translated, Written
from textladder.tasks.writing import NEVER, Together, Writing, mean_of_logs
from textladder.text import unwritable
from textladder.text.overlong import shorten
from textladder.text.pieces import Speller
from textladder.text.spelling import Spelling
from textladder.text.tokenizing import BEGIN, END, UNKNOWN

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer

CHECKED = 1024  # targets that are cut into units together
SEARCHED = 64  # sources that are searched for side by side
DRAWING = ("temperature", "top_k", "top_p", "min_p", "seed")  # options of a search that is drawn


class Translate(Translated, Writing, Task):
    """The loss and the search of what writes (`Writing`).

    labels: {"units": size of the tokenizer's vocabulary, "labels": [], "spelling": see `text.spelling`}. One
    tokenizer cuts both sides.
    """

    @dataclass(frozen=True)
    class Config:
        # Tables that are one: of source, target and output (Press and Wolf 2017); of target and output; none
        tied: Literal["all", "target", "none"] = "all"
        label_smoothing: float = 0.1  # share of the truth that is spread over all units
        copying: bool = False  # units can be taken from the source (See et al. 2017; `layers.pointing`)
        # Weight of the coverage loss (See et al. 2017: 1), for looking where the model looked before; above 0
        # where it looks depends on that, too; 0: none
        coverage: float = 0.0
        # Share of the units before that the model wrote itself, at the end of training (Bengio et al. 2015)
        scheduled_sampling: Share = 0.0
        sampling_schedule: ScheduleName = "linear"  # how it rises to that; constant: it is that throughout
        # What weights and rungs are chosen by
        metric: Literal["bleu", "chrf", "exact_match", "rouge_1", "rouge_2", "rouge_l"] = "bleu"
        bleu_tokenize: Literal["13a", "intl", "char", "zh", "none"] = "13a"  # how sacrebleu cuts texts
        beam: int = 5  # hypotheses of the search; 1: greedy, as dev always is while a model is trained
        length_penalty: float = 1.0  # of the search: alpha of Wu et al. 2016, equation 14
        length_factor: float = 2.0  # the longest translation has so many units for each unit of the source
        length_extra: int = 20  # and so many more

    reads = "translations"
    writes = True
    measured_by = ("text", "label")

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        if not 0 <= config.label_smoothing < 1:
            raise Problem(
                "task.label_smoothing", f"{config.label_smoothing} is out of range.", "Give 0 to below 1."
            )
        if not 0 <= config.coverage < math.inf:
            raise Problem("task.coverage", f"{config.coverage} is out of range.", "Give a number from 0 on.")
        if config.length_factor < 0 or config.length_extra < 1:
            raise Problem(
                "task.length_factor, task.length_extra",
                "they leave no unit to write.",
                "Give 0 and 1, or more.",
            )
        self.headline = config.metric
        self.options = searching(config)
        self.memory_dim = dim
        # Others that write with it, each with its encoder; in a tuple: their parameters are not its own.
        self.fellows: tuple[tuple[Encode, Translate], ...] = ()
        self._speller: Speller | None = None
        self._greedy = False
        self._own = 0.0  # share of the units before that are the model's own (`proceed`)

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """Nothing yet: what is learned comes with the tokenizer (`spelled`)."""
        return {"labels": []}

    @staticmethod
    def spelled(labels: dict[str, Any], tokenizer: Tokenizer, targets: Iterable[Ragged]) -> dict[str, Any]:
        """targets: the training texts that are to be written, in chunks."""
        spelling = Spelling.learn(targets, tokenizer, inner=True)
        return labels | {"units": len(tokenizer), "spelling": spelling.to_dict()}

    # Texts to batches.

    def rows(self, texts: Any, tokenizer: Tokenizer, where: str | Sequence[str] = "text") -> Rows:
        """texts: sources, or Pairs of sources and targets. Columns "text", and of pairs "label": the target's
        units and </s>, which is missing where the target was cut."""
        config = tokenizer.config
        if config.overlong == "window":
            what = "what is written for two windows of a text is not one text."
            raise Problem("tokenizer.overlong", what, "Set it to head, or to error.")
        sources = tokenizer.encode(texts.first if isinstance(texts, Pairs) else texts)
        short = shorten(sources, config, where, in_windows=False)
        if not isinstance(texts, Pairs):
            return Rows({"text": short.ids}, short.owner, short.cut)
        if config.overlong != "error":  # a target begins where it begins
            config = replace(config, overlong="head")
        targets = shorten(
            _with_end(tokenizer.encode(texts.second), config.ends), config, where, in_windows=False
        )
        return Rows({"text": short.ids, "label": targets.ids}, short.owner, short.cut + targets.cut)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        first = [example.texts[0] for example in examples]
        if not examples or len(examples[0].texts) < 2:
            return self.rows(first, tokenizer).columns
        return self.rows(
            Pairs.of_strings(first, [example.texts[1] for example in examples]), tokenizer
        ).columns

    def check(self, golds: Sequence[Example], name: str) -> list[str]:
        """golds: pairs. What is said is of targets that cannot be written."""
        chunks = (golds[start : start + CHECKED] for start in range(0, len(golds), CHECKED))
        targets = ([example.texts[1] for example in some] for some in chunks)
        return unwritable.in_texts(name, targets, self.tokenizer)

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """target: (the prefixes, which begin with <s>; the units that follow each [N]), None without a column
        "label"; count: units to be predicted."""
        source = Tokens.of(columns["text"])
        if "label" not in columns:
            return Batch((source,), None, len(source))
        target = Tokens.of(columns["label"])
        starts = target.offsets[:-1][target.lengths > 0]
        before = target.flat.roll(1).index_fill(0, starts, BEGIN)
        return Batch((source,), (replace(target, flat=before), target.flat), len(target.flat))

    # Training and predicting.

    def proceed(self, done: float) -> None:
        self._own = share_at(self.config.scheduled_sampling, self.config.sampling_schedule, done)

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        """Summed over the units of the targets, in nats; with what was lost to coverage, if that has a
        weight."""
        (source,), (prefix, units) = batch.inputs, batch.target
        memory, smoothing = encode(source), self.config.label_smoothing
        if self.training and self._own > 0:
            prefix = mixed(self, memory, source, prefix, self._own)
        said = self.said(memory, source, prefix)
        if self.pointer is None:
            return Loss(self.output.loss(said, units, smoothing), batch.count)
        total = self.pointer.loss(self.output, said, units, smoothing)
        return Loss(total + self.config.coverage * said.lost.sum(), batch.count)

    def forced(
        self, encode: Encode, batch: Batch, aligned: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """What the model gives for given targets: [N] nats of each unit (with `fellows`, of the mean of all
        probabilities), offsets [B + 1] of the targets in it; and if `aligned`, the maps of `said`."""
        (source,), (prefix, units) = batch.inputs, batch.target
        maps: list[Tensor] | None = [] if aligned and self.attends else None
        said = self.said(encode(source), source, prefix, maps)
        each = [-self.losses(said, units)]
        for read, other in self.fellows:
            each.append(-other.losses(other.said(read(source), source, prefix), units))
        return mean_of_logs(each), prefix.offsets, maps or []

    def predict(self, encode: Encode, batch: Batch) -> list[Written]:
        found = self.search(encode, batch.inputs[0], self._now)
        return [_written(best[0]) for best in found]

    def search(
        self,
        encode: Encode,
        source: Tokens,
        options: SearchConfig,
        banned: Sequence[int] = (),
        *,
        begins: Ragged | None = None,
        tree: Tree | None = None,
        unknown: bool = False,
    ) -> list[list[Hypothesis]]:
        """The best `options.n` translations of each source. banned: units that are not written, beside <pad>,
        <unk> and <s>. begins: the units that each translation begins with. tree: gets what the search for the
        one source kept and gave up. unknown: <unk> is written too. Raises Problem as `check_search` does."""
        self.check_search(options)
        never = torch.tensor([*NEVER, *banned], device=source.flat.device)
        never = never[never != UNKNOWN] if unknown else never
        forced = [None] * len(source) if begins is None else _split(Tokens.of(begins), SEARCHED)
        jobs = [
            as_here(partial(self._searched, encode, some, options, never, first=first, tree=tree))
            for some, first in zip(_split(source, SEARCHED), forced, strict=False)
        ]
        if len(jobs) == 1:
            return alone(jobs[0])
        at_once = limit()
        groups = [jobs[start : start + at_once] for start in range(0, len(jobs), at_once)]
        return [best for group in groups for some in together(group) for best in some]

    def _searched(
        self,
        encode: Encode,
        source: Tokens,
        options: SearchConfig,
        never: Tensor,
        *,
        first: Tokens | None,
        tree: Tree | None,
    ) -> list[list[Hypothesis]]:
        memories = [read(source) for read, _ in ((encode, self), *self.fellows)]
        device = source.flat.device
        begun = None if first is None else first.lengths.to(device)
        longest = self.longest(source.lengths, begun).tolist()
        forced = None if first is None else first.to(device).ids
        whole = options.draws or options.repetition_penalty != 1 or options.ignore_end or forced is not None
        whole = whole or self.pointer is not None or bool(self.fellows)  # log-probabilities of all units
        several = Together((self, *(other for _, other in self.fellows)))
        writer: Writing | Together = several if whole else self
        # In float32: of products with so few rows, converting the weights would take longer than multiplying.
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            last = torch.full((len(source),), BEGIN, device=device)
            state = several.begin(memories, source) if whole else self.begin(memories[0], source)
            given: dict[str, Any] = {"end": END, "lengths": longest}
            step: Stepper = writer.step
            if not options.draws:
                given["tree"] = tree
            if options.coverage_penalty:
                cover = Coverage(writer.looking, options.coverage_penalty)
                state, step, given["added"] = cover.start(state, memories[0].mask), cover.step, cover.added
            if not whole:
                return beam(step, state, last, options, **given, top=partial(self.output.best, banned=never))
            seen = torch.zeros(len(source), self.output.units, dtype=torch.bool, device=device)
            given |= {"banned": never, "seen": seen, "forced": forced}
            return (drawn if options.draws else beam)(step, state, last, options, **given)

    def check_search(self, options: SearchConfig) -> None:
        """Raises Problem for a coverage penalty where nothing is looked at."""
        if options.coverage_penalty and not self.attends:
            what = "this model has no attention, and so no coverage."
            raise Problem("coverage_penalty", what, "Leave it out, or train another rung.")

    def longest(self, lengths: Tensor, begun: Tensor | None = None) -> Tensor:
        """Units of the longest translation of sources of these lengths [B]; begun: [B] units of it that are
        given, behind which there is always room for some. Problem where there is none."""
        most = self.tokenizer.config.max_length
        for writer in (self, *(other for _, other in self.fellows)):
            most = min(most, writer.decoder.max_length or most)
        config = self.config
        found = (lengths * config.length_factor).long().add(config.length_extra)
        if begun is not None:
            if (given := int(begun.max())) >= most:
                what = f"it has {given} units, and a translation has at most {most}."
                raise Problem("prefix", what, "Give the beginning of a translation.")
            found = torch.maximum(found, begun + config.length_extra)
        return found.clamp(max=most)

    @property
    def _now(self) -> SearchConfig:
        return searching(replace(self.config, beam=1)) if self._greedy else self.options

    @contextmanager
    def quickly(self) -> Iterator[None]:
        self._greedy = True
        try:
            yield
        finally:
            self._greedy = False

    def spell(self, units: Sequence[int]) -> str:
        """The text of units."""
        pieces = self.speller.after()
        spoken = [unit for unit in units if unit != END]
        return "".join([*map(pieces.add, spoken), pieces.end()])

    def shown(self, units: Sequence[int]) -> list[str]:
        """Each unit by itself, as it would be written, or as it is called where that is nothing to see."""
        names = {unit: self.speller.after() for unit in units}
        texts = {
            unit: (pieces.add(unit) + pieces.end()).strip() for unit, pieces in names.items() if unit != END
        }
        return [texts.get(unit) or self.tokenizer.vocabulary[unit] for unit in units]

    @property
    def speller(self) -> Speller:
        if self._speller is None:
            self._speller = Speller(self.tokenizer, Spelling(self.tokenizer, self.labels["spelling"]).join)
        return self._speller

    def merged(self, outcomes: list[Written], owner: NDArray[np.int64], count: int) -> list[Written]:
        return outcomes  # a row for each text

    def joined(self, parts: Sequence[list[Written]]) -> list[Written]:
        return [outcome for part in parts for outcome in part]


def searching(config: Translate.Config, **more: Any) -> SearchConfig:
    """The options of a search for translations; `more` of them, where they are given. Those that only drawing
    heeds put drawing in the place of the recipe's beam."""
    drawn = not more.keys().isdisjoint(DRAWING)
    given: dict[str, Any] = {"length": 1 << 20, "beam": 1 if drawn else config.beam} | more
    if given["beam"] > 1:
        return SearchConfig(**({"length_penalty": config.length_penalty} | given))
    return SearchConfig(**(({} if drawn else {"temperature": 0.0}) | given))


def _written(best: Hypothesis) -> Written:
    return Written(np.array(best.ids, np.int64), np.array([best.log_probability], np.float32))


def _split(tokens: Tokens, size: int) -> Iterator[Tokens]:
    """Some texts at a time, each padded view as wide as it must be."""
    ragged = Ragged(tokens.flat.cpu().numpy(), tokens.offsets.cpu().numpy())
    for start in range(0, len(tokens), size):
        yield Tokens.of(ragged.slice(start, min(start + size, len(tokens)))).to(tokens.flat.device)


def _with_end(ids: Ragged, ends: bool) -> Ragged:
    """Rows with </s> behind them; ends: they have <s> and </s> already (`TokenizerConfig.ends`)."""
    lengths = ids.lengths - ends
    offsets = np.append(0, np.cumsum(lengths + (not ends))).astype(np.int64)
    flat = np.full(offsets[-1], END, ids.flat.dtype)
    inside = np.ones(len(flat), np.bool_)
    inside[offsets[1:] - 1] = False
    kept = np.asarray(ids.flat[ids.offsets[0] : ids.offsets[-1]])
    if ends:
        special = np.zeros(len(kept), np.bool_)
        base = np.asarray(ids.offsets) - ids.offsets[0]
        special[base[:-1]] = special[base[1:] - 1] = True
        kept = kept[~special]
    flat[inside] = kept
    return Ragged(flat, offsets)
