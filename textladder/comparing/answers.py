"""What a run folder says of every test text, or block of text: read from predictions.jsonl, line by line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics import regression, retrieval, squad, tagging, translation
from textladder.metrics.reports import F1, statistic_multi, statistic_single
from textladder.metrics.statistic import Floats, Statistic
from textladder.tasks.judging import per_character


class Mark(NamedTuple):
    """A place in a text, in characters; its label where it has one, and how sure of that a model is."""

    start: int
    end: int
    label: str = ""
    sure: float | None = None

    @property
    def what(self) -> tuple[int, int, str]:
        return self[:3]


Marks = tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of predictions.jsonl. gold and predicted are tuples of labels, also for single-label tasks, or
    of what is said of spans; confidence is in [0, 1], None where the task gives none; counts: of a tagged
    sentence (`metrics.tagging`); second: the other text of a pair; judged: exact match and F1 of an answer
    (`metrics.squad`); there, said: of what is said of places, the gold and the predicted ones, in characters
    of `text`; loss: of labels that are said without a confidence."""

    where: str
    text: str
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    confidence: float | None
    counts: tuple[int, ...] = ()
    second: str | None = None
    judged: squad.Judgement | None = None
    there: Marks = ()
    said: Marks = ()
    tokenize: str = ""  # of a translation: how BLEU cuts it
    loss: float | None = None
    found: Mapping[str, float] | None = None  # of a text that is looked for: each of `retrieval.HEADLINES`

    @property
    def correct(self) -> bool:
        if self.judged is not None:
            return self.judged.exact == 1
        if self.found is not None:
            return self.found["mrr"] == 1
        return set(self.gold) == set(self.predicted)

    @property
    def wrong_said(self) -> list[Mark]:
        """What is said of places that is not gold."""
        gold = {mark.what for mark in self.there}
        return [mark for mark in self.said if mark.what not in gold]

    @property
    def wrongly_sure(self) -> float:
        """How sure it is of what it has wrong: of spans the surest wrong one; of all else, and where spans
        are missed alone, its confidence; its loss where there is none."""
        sure = [mark.sure for mark in self.wrong_said if mark.sure is not None]
        return max(sure, default=(self.loss or 0.0) if self.confidence is None else self.confidence)


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """The same of a language model: what a block of text cost it, and how long the block is."""

    where: str
    text: str
    bits: float
    characters: int

    @property
    def bits_per_character(self) -> float:
        return self.bits / max(self.characters, 1)


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """The same where a number is said, of a pair of texts."""

    where: str
    text: str
    gold: float
    predicted: float
    second: str | None = None

    @property
    def error(self) -> float:
        return abs(self.predicted - self.gold)


class Placed(Protocol):
    """What every answer has."""

    @property
    def where(self) -> str: ...
    @property
    def text(self) -> str: ...


Said = TypeVar("Said", bound=Placed)


def read_answers(path: Path) -> Iterator[Answer]:
    """Answers in file order, in flat memory; none of pairs whose first text is not looked for. Raises Problem
    for a missing file or a broken line."""
    return _read(path, _answer)


def read_blocks(path: Path) -> Iterator[BlockAnswer]:
    """The same of a language model's run."""
    return _read(path, _block)


def read_numbers(path: Path) -> Iterator[NumberAnswer]:
    """The same of a run whose answers are numbers."""
    return _read(path, _number)


def _read(path: Path, made: Callable[[dict[str, Any]], Said | None]) -> Iterator[Said]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    said = made(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise Problem(
                        f"{path}, line {number}",
                        f"this is no prediction ({error}).",
                        "Train this rung again with --overwrite.",
                    ) from error
                if said is not None:
                    yield said
    except OSError as error:
        raise Problem(str(path), f"cannot be read ({error.strerror}).", "Train this rung again.") from error


def side_by_side(
    files: Mapping[str, Path], read: Callable[[Path], Iterator[Said]]
) -> Iterator[dict[str, Said]]:
    """Every test text with the answers of all rungs, read by `read_answers` or its like. Raises Problem
    if they were not tested on the same texts in the same order."""
    with ExitStack() as stack:
        streams = {}
        for rung, path in files.items():
            streams[rung] = answers = read(path)
            stack.callback(answers.close)  # type: ignore[attr-defined]  # generators close, iterators do not
        while True:
            row = {rung: next(answers, None) for rung, answers in streams.items()}
            here = {rung: answer for rung, answer in row.items() if answer is not None}
            if not here:
                return
            if len(here) < len(row) or len({(a.where, a.text) for a in here.values()}) > 1:
                place = next(iter(here.values())).where
                raise Problem(
                    place, "the rungs were not tested on the same texts.", "Compare again into a new folder."
                )
            yield here


def statistic_of(files: Sequence[Path], metric: str, labels: Sequence[str]) -> Statistic:
    """The headline score of one rung, averaged over its seeds (a file each), as a Statistic of the texts
    (of a language model: of the blocks of text).

    Resampling it varies the test texts and keeps the trained models as they are. `labels` are all that a
    model may answer. Raises Problem for a metric that is no function of sums over texts, or if the files
    differ in length.
    """
    if metric == "bits_per_character":
        seeds = [_per_character(read_blocks(path)) for path in files]
    elif metric in regression.HEADLINES:
        seeds = [_correlation(read_numbers(path), metric) for path in files]
    else:
        seeds = [_statistic(read_answers(path), metric, labels) for path in files]
    if len({len(one) for one in seeds}) > 1:
        raise Problem(str(files[0].parent), "its seeds were tested on different texts.", "Compare again.")
    return seeds[0] if len(seeds) == 1 else _mean_of(seeds)


class _MeanOverSeeds:
    """sums [..., seeds * S] -> mean score [...]."""

    def __init__(self, seeds: Sequence[Statistic]) -> None:
        self.parts, self.width = [one.of for one in seeds], seeds[0].table.shape[1]

    def __call__(self, sums: Floats) -> Floats:
        width = self.width
        scores = [of(sums[..., k * width : (k + 1) * width]) for k, of in enumerate(self.parts)]
        return np.mean(scores, axis=0)


def _mean_of(seeds: Sequence[Statistic]) -> Statistic:
    kinds = np.stack([one.kinds for one in seeds], axis=1)  # [n, seeds]
    joint, flat = np.unique(kinds, axis=0, return_inverse=True)
    table = np.concatenate([one.table[joint[:, k]] for k, one in enumerate(seeds)], axis=1)
    return Statistic(flat.ravel(), table, _MeanOverSeeds(seeds))


def _per_character(answers: Iterator[BlockAnswer]) -> Statistic:
    bits, characters = np.array([(said.bits, said.characters) for said in answers]).reshape(-1, 2).T
    return per_character(bits, characters)


def _correlation(answers: Iterator[NumberAnswer], metric: str) -> Statistic:
    predicted, gold = np.array([(said.predicted, said.gold) for said in answers]).reshape(-1, 2).T
    return regression.statistic(predicted, gold, metric)


def _statistic(answers: Iterator[Answer], metric: str, labels: Sequence[str]) -> Statistic:
    if metric in translation.HEADLINES:
        pairs = [(answer.predicted[0], answer.gold[0], answer.tokenize) for answer in answers]
        said, wanted, tokenize = zip(*pairs, strict=True)
        return translation.statistic(said, wanted, metric, tokenize[0])
    if metric in tagging.HEADLINES:
        return tagging.statistic(np.array([answer.counts for answer in answers], np.int64), metric)
    if metric in retrieval.HEADLINES:
        return Statistic.mean([answer.found[metric] for answer in answers if answer.found is not None])
    if metric in squad.HEADLINES:
        return squad.statistic([a.judged for a in answers if a.judged is not None], metric)
    if metric in ("accuracy", "subset_accuracy"):
        return Statistic.mean([answer.correct for answer in answers])
    if metric not in F1:
        raise Problem(
            metric,
            "rungs cannot be compared by this metric: it is no function of sums over texts.",
            f"Choose one of accuracy, subset_accuracy, {', '.join(F1)}.",
        )
    ids = {label: i for i, label in enumerate(labels)}
    gold, predicted = [], []
    for answer in answers:
        gold.append([ids[label] for label in answer.gold])
        predicted.append([ids[label] for label in answer.predicted])
    if all(len(row) == 1 for row in gold) and all(len(row) == 1 for row in predicted):
        return statistic_single(np.array(gold)[:, 0], np.array(predicted)[:, 0], len(labels), metric)
    return statistic_multi(_hot(gold, len(labels)), _hot(predicted, len(labels)), metric)


def _hot(rows: Sequence[Sequence[int]], labels: int) -> NDArray[np.bool_]:
    hot = np.zeros((len(rows), labels), bool)
    for i, row in enumerate(rows):
        hot[i, row] = True
    return hot


def _block(line: dict[str, Any]) -> BlockAnswer:
    return BlockAnswer(line.get("where", ""), line["text"], float(line["bits"]), int(line["characters"]))


def _number(line: dict[str, Any]) -> NumberAnswer:
    numbers = float(line["score"]), float(line["predicted"])
    return NumberAnswer(line.get("where", ""), line["text"], *numbers, line.get("second"))


def _tagged(line: dict[str, Any]) -> Answer:
    text = line["text"]
    gold, predicted = (
        tuple(f"{text[span[0] : span[1]]} [{span[0]}] {span[2]}" for span in line[name])
        for name in ("gold", "predicted")
    )
    counts = tuple(int(count) for count in line["counts"])
    there, said = _marks(line["gold"]), _marks(line["predicted"])
    confidence = float(line["confidence"])
    return Answer(line.get("where", ""), text, gold, predicted, confidence, counts, there=there, said=said)


def _marks(spans: Sequence[Sequence[Any]]) -> Marks:
    return tuple(Mark(int(start), int(end), *more) for start, end, *more in spans)


def _found(line: dict[str, Any]) -> Answer:
    """Of what is said the texts alone, "" for no answer."""
    judged = squad.Judgement(float(line["exact_match"]), float(line["answer_f1"]), bool(line["gold"]))
    return Answer(
        line.get("where", ""),
        line["text"],
        tuple(dict.fromkeys(line["answers"])) or ("",),
        (line["answer"] or "",),
        float(line["confidence"]),
        second=line["second"],
        judged=judged,
        there=_marks(line["gold"]),
        said=_marks([line["predicted"]] if line["predicted"] else []),
    )


def _searched(line: dict[str, Any]) -> Answer:
    """Of a text that was looked for."""
    recall = zip(retrieval.KS, line["recall"], strict=True)
    return Answer(
        line.get("where", ""),
        line["text"],
        tuple(line["gold"]),
        (line["predicted"],),
        float(line["confidence"]),
        found={
            "mrr": float(line["reciprocal_rank"]),
            "map": float(line["average_precision"]),
            **{f"recall_at_{k}": float(value) for k, value in recall},
        },
    )


def _answer(line: dict[str, Any]) -> Answer | None:
    if "rank" in line:
        return None if line["rank"] is None else _searched(line)
    if "exact_match" in line:
        return _found(line)
    if "counts" in line:
        return _tagged(line)
    translated = line.get("bleu_tokenize", "")
    gold = line["labels"] if "labels" in line else [line["gold" if translated else "label"]]
    predicted = line["predicted"]
    confidence = line.get("confidence")
    return Answer(
        line.get("where", ""),
        line["text"],
        tuple(gold),
        tuple(predicted) if isinstance(predicted, list) else (predicted,),
        None if confidence is None else float(confidence),
        second=line.get("second"),
        tokenize=translated,
        loss=line.get("loss") if confidence is None else None,
    )
