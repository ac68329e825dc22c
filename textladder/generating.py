"""Text in, text out: what language models write after a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from textladder.errors import Problem, suggest
from textladder.layers.embedding import PAD
from textladder.model import Model
from textladder.search import Hypothesis, SearchConfig, State, Stepper, beam, sample
from textladder.tasks.judging import Judging
from textladder.text.pieces import Pieces, Speller, Stops, in_hex, is_cut
from textladder.text.spelling import Spelling
from textladder.text.tokenizing import BEGIN, END, SPECIAL, UNKNOWN
from textladder.training.threads import threads_for

if TYPE_CHECKING:
    from textladder.counted import CountedModel

LanguageModel: TypeAlias = "Model | CountedModel"


@dataclass(frozen=True)
class Text:
    """What was written after a prompt."""

    text: str  # without the prompt, and without what stopped it
    log_probability: float  # what the model gives for its units (and </s>), in nats, before any filter
    units: int  # that were written, </s> and those of a stop included
    finished: bool  # False: it was cut at the longest length


@dataclass(frozen=True)
class Prompt:
    """A prompt as a model reads it."""

    text: str
    ids: tuple[int, ...]  # <s> or the unit of a label, then those of the text
    unknown: tuple[str, ...]  # parts of the text that the model never saw, read as <unk>; each once


def read_prompt(model: LanguageModel, text: str = "", label: str | None = None) -> Prompt:
    """Problem for a model that writes no text, and for a label that it does not know or was not given."""
    tokenizer = model.tokenizer
    first = _first_unit(model, label)
    ids = tokenizer.encode_one(text)
    ids = ids[1:-1] if tokenizer.config.ends else ids
    unknown: dict[str, None] = {}
    if (ids == UNKNOWN).any():
        spans = tokenizer.offsets(text)
        spans = spans[1:-1] if tokenizer.config.ends else spans
        unknown = {text[slice(*span)]: None for unit, span in zip(ids, spans, strict=True) if unit == UNKNOWN}
    return Prompt(text, (first, *ids.tolist()), tuple(unknown))


def generate(
    model: LanguageModel,
    prompt: str = "",
    *,
    options: SearchConfig | None = None,
    label: str | None = None,
    stop: Sequence[str] = (),
) -> Iterator[str]:
    """What `model` writes after `prompt`, piece by piece as it comes; put together the pieces are the text.

    label: the text is written as one of this label, by models trained with labels. stop: the text ends before
    the first of these. Raises Problem as `read_prompt` and `Writing` do.
    """
    writing = Writing(model, [read_prompt(model, prompt, label)], options, stop)
    if writing.options.n > 1:
        raise Problem("n", "pieces are given of one text alone.", "Use write() for several.")
    return (piece for (piece,) in writing if piece)


def write(
    model: LanguageModel,
    prompts: Sequence[str],
    *,
    options: SearchConfig | None = None,
    label: str | None = None,
    stop: Sequence[str] = (),
) -> list[list[Text]]:
    """`options.n` texts for each prompt; those of prompts of the same number of units side by side."""
    read = [read_prompt(model, prompt, label) for prompt in prompts]
    options = (options or SearchConfig()).seeded()
    texts: list[list[Text]] = [[] for _ in read]
    for length in sorted({len(prompt.ids) for prompt in read}):
        places = [place for place, prompt in enumerate(read) if len(prompt.ids) == length]
        writing = Writing(model, [read[place] for place in places], options, stop)
        with _threads(model):  # once, not at each step
            for _ in writing:
                pass
        for place, some in zip(places, writing.texts(), strict=True):
            texts[place] = some
    return texts


def next_units(
    model: LanguageModel, text: str = "", top: int = 10, label: str | None = None
) -> list[tuple[str, float]]:
    """The `top` most probable units after `text`, as they would be written there, with their probabilities;
    </s> is the end of the text. A byte that is no character alone is written as <0xE2>."""
    prompt = read_prompt(model, text, label)
    with torch.inference_mode(), _threads(model):
        step, state, last = _begin(model, [prompt])
        shares = step(last, state)[0][0, : _task(model).tokens].exp()  # [V] without the units of labels
    shares = shares.index_fill(0, torch.tensor([PAD, BEGIN], device=shares.device), 0)
    values, ids = shares.topk(min(top, len(shares) - 2))
    spell = speller(model)
    return [
        (_shown(spell, prompt, unit), share)
        for unit, share in zip(ids.tolist(), values.tolist(), strict=True)
    ]


class Writing:
    """Texts being written. Iterating over it gives the pieces of each text [B * n], a step at a time; row
    b * n + i is text i of prompt b. `texts` says what there is so far, also when it was stopped half-way.

    prompts: B of them, all of the same number of units. Raises Problem for a stop that is empty.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Prompt],
        options: SearchConfig | None = None,
        stop: Sequence[str] = (),
    ) -> None:
        if "" in stop:
            raise Problem(
                "stop", "it is empty, and would stop every text.", "Leave it out, or say what stops."
            )
        self.model, self.prompts = model, prompts
        self.options = (options or SearchConfig()).seeded()  # with the seed that is used
        if self.options.coverage_penalty:
            raise Problem("coverage_penalty", "there is no source that a text could cover.", "Leave it out.")
        self._speller, self._stop = speller(model), stop
        self._rows = [self._row(prompt) for prompt in prompts for _ in range(self.options.n)]

    def __iter__(self) -> Iterator[list[str]]:
        steps = self._drawn() if self.options.beam == 1 else self._searched()
        while True:
            with _threads(self.model):  # not while the caller has its turn
                pieces = next(steps, None)
            if pieces is None:
                break
            yield pieces
        yield self.close()

    def texts(self) -> list[list[Text]]:
        """The texts of each prompt; of a beam search in order, the best first."""
        self.close()
        n = self.options.n
        rows = [self._rows[start : start + n] for start in range(0, len(self._rows), n)]
        return [[row.result() for row in some if row.units] for some in rows]

    def close(self) -> list[str]:
        """The pieces that were held back, as they might have been half a character or the beginning of a
        stop."""
        return [row.close() for row in self._rows]

    def _drawn(self) -> Iterator[list[str]]:
        rows = self._rows

        def ended(ids: list[int]) -> list[bool]:
            return [row.add(unit) for row, unit in zip(rows, ids, strict=True)]

        step, state, last = _begin(self.model, self.prompts)
        for _, nats in sample(step, state, last, self.options, **self._given(), ended=ended):
            for row, value in zip(rows, nats, strict=True):
                row.nats += value
            yield [row.fresh for row in rows]

    def _searched(self) -> Iterator[list[str]]:
        def stopped(ids: Sequence[int]) -> bool:
            row = self._row(self.prompts[0])  # whichever: prompts change no more than the first space
            return any(row.add(unit) for unit in ids)

        def found(texts: list[list[Hypothesis]]) -> None:
            for place, hypotheses in enumerate(texts):
                for row, hypothesis in zip(self._rows[place * self.options.n :], hypotheses, strict=False):
                    row.nats = hypothesis.log_probability
                    for unit in hypothesis.ids:
                        row.add(unit)

        step, state, last = _begin(self.model, self.prompts)
        ended = stopped if self._stop else None
        given = self._given()
        found(beam(step, state, last, self.options, **given, ended=ended, interrupted=found))
        yield [row.text for row in self._rows]

    def _row(self, prompt: Prompt) -> _Row:
        return _Row(self._speller.after(prompt.ids[1:], prompt.text), Stops(self._stop))

    def _given(self) -> dict[str, Any]:
        """What a search is told of the units."""
        task, seen = _task(self.model), None
        labels = range(task.tokens, task.tokens + len(task.names))
        if self.options.repetition_penalty != 1:
            ids = torch.tensor([prompt.ids for prompt in self.prompts])
            seen = torch.zeros(len(ids), labels.stop, dtype=torch.bool).scatter(1, ids, True)
            seen = seen.to(_device(self.model))
        return {"end": END, "banned": torch.tensor([PAD, UNKNOWN, BEGIN, *labels]), "seen": seen}


class _Row:
    """One text on its way."""

    def __init__(self, pieces: Pieces, stops: Stops) -> None:
        self.pieces, self.stops = pieces, stops
        self.text, self.fresh = "", ""  # so far, and what the last unit made of it
        self.units, self.nats = 0, 0.0
        self.finished = self.closed = False

    def add(self, unit: int) -> bool:
        """One more unit; whether the text ends with it, by its end or by a stop. After that, nothing."""
        self.fresh = ""
        if self.closed:
            return True
        self.units += 1
        if unit == END:
            self.finished = True
            self.fresh = self.close()
        else:
            self.fresh = self.stops.add(self.pieces.add(unit))
            self.text += self.fresh
            self.finished = self.closed = self.stops.found
        return self.finished

    def close(self) -> str:
        """The end of the text that was held back."""
        if self.closed:
            return ""
        self.closed = True
        rest = self.stops.add(self.pieces.end()) + self.stops.end()
        self.text += rest
        return rest

    def result(self) -> Text:
        return Text(self.text, self.nats, self.units, self.finished)


def speller(model: LanguageModel) -> Speller:
    """How the units of a model are written."""
    return Speller(model.tokenizer, Spelling(model.tokenizer, model.labels["spelling"]).join)


def _task(model: LanguageModel) -> Judging:
    """Problem for a model that is no language model."""
    if isinstance(model.task, Judging):
        return model.task
    name = model.recipe.task_name
    if name == "translate":
        what = "this model was trained for the task translate: it writes no text of its own."
        raise Problem(model.recipe.rung, what, "Use textladder translate, which writes what a text becomes.")
    raise Problem(
        model.recipe.rung,
        f"this model was trained for the task {name}: it writes no text.",
        "Use textladder predict for its answers, or train a model that writes with --task language.",
    )


def _first_unit(model: LanguageModel, label: str | None) -> int:
    """What a document begins with: <s>, or the unit of its label."""
    task = _task(model)
    if not task.names:
        if label is None:
            return BEGIN
        what = "the model was trained on texts without labels."
        raise Problem("label", what, "Leave the label out, or train on a file with a column of labels.")
    if label is None:
        what = "the model writes texts of a label, and none is given."
        raise Problem("label", what, suggest("", task.names))
    if label not in task.index:
        raise Problem("label", f"the model knows no label {label!r}.", suggest(label, task.names))
    return task.index[label]


@torch.inference_mode()
def _begin(model: LanguageModel, prompts: Sequence[Prompt]) -> tuple[Stepper, State, Tensor]:
    """The stepper of a model, the state after all units of the prompts but the last, and the last [B]."""
    step, start = model.stepper()
    ids = torch.tensor([prompt.ids for prompt in prompts], device=_device(model))  # [B, T]
    state, rest = start(len(ids)), ids[:, :-1]
    encoder: Any = getattr(model, "encoder", None)
    if rest.shape[1] and hasattr(encoder, "read"):
        _, state = encoder.read(rest, state)
        return step, state, ids[:, -1]
    each = step if encoder is None else encoder.step  # what follows within the prompt need not be known
    for last in rest.unbind(1):
        _, state = each(last, state)
    return step, state, ids[:, -1]


def _shown(speller: Speller, prompt: Prompt, unit: int) -> str:
    """A unit as it would be written after a prompt."""
    if unit in (UNKNOWN, END):
        return SPECIAL[unit]
    pieces = speller.after(prompt.ids[1:], prompt.text)
    text = pieces.add(unit) + pieces.end()
    return in_hex(speller.bytes[unit]) if speller.bytes and is_cut(speller.bytes[unit]) else text


def _device(model: LanguageModel) -> torch.device:
    return model.device if isinstance(model, Model) else torch.device("cpu")


def _threads(model: LanguageModel) -> AbstractContextManager[None]:
    return threads_for(model.encoder) if isinstance(model, Model) else nullcontext()
