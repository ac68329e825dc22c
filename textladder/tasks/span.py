"""Answer spans: where in a passage the answer to a question stands, or that it does not.

An outcome is a `Found` per question: the best spans, in characters of the passage, with their scores. What is
said of them afterwards is in `answering`; the network, in `layers.span_reader`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textladder.batch import Batch, Example, Loss, Ragged, Tokens
from textladder.errors import Problem
from textladder.layers.span_reader import Pointed, SpanReader
from textladder.layers.span_search import best_spans
from textladder.ranges import Size
from textladder.tasks.answering import Answering, Found, merge
from textladder.tasks.task import Encode, Rows, Task
from textladder.text.alignment import Windows, align, windows
from textladder.text.answers import BITS, matches, tokens_of
from textladder.text.overlong import CutReport, demand_windows
from textladder.text.tokens import CutName, cut

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer

__all__ = ["Found", "Span"]


class Span(Answering, Task):
    """Head, loss, answers and scores for questions about passages.

    labels: {"labels": [], "answerable": whether every training question has an answer, "texts": questions}.
    """

    @dataclass(frozen=True)
    class Config(SpanReader.Config):
        longest: Size = 20  # tokens of an answer that is given
        n_best: Size = 5  # answers that are kept of a question
        cut: Literal["whitespace", "word"] = (
            "word"  # both texts into tokens: words and punctuation; or at white space
        )
        metric: Literal["answer_f1", "exact_match"] = "answer_f1"

    reads = "questions"
    texts_a_row = 2

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        self.answerable = bool(labels["answerable"])
        self.headline = config.metric
        self.reader = SpanReader(config, dim, BITS, self.answerable)
        # What the score of no answer must have more than that of the best answer: chosen on dev (`finish`).
        self.register_buffer("threshold", torch.zeros((), dtype=torch.float64))

    # Before training: labels, columns, batches.

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """From examples with their texts. Raises Problem where no question has an answer."""
        questions = answered = 0
        where = ""
        for example in examples:
            questions += 1
            answered += bool(example.target)
            where = where or example.where
        if not answered:
            raise Problem(
                where.rpartition(":")[0] or "training texts",
                f"none of {questions:,} training questions has an answer.",
                "Give questions with the places of their answers.",
            )
        return {"labels": [], "answerable": answered == questions, "texts": questions}

    @staticmethod
    def tokens_of(examples: Sequence[Example], config: Config) -> list[Any]:
        """Each passage once: of its words the rare ones are to be told by how many passages have them."""
        passages = list(dict.fromkeys(example.texts[0] for example in examples))
        return [
            (texts, [cut(text, config.cut) for text in texts])
            for texts in (passages, [example.texts[1] for example in examples])
        ]

    def rows(self, texts: Any, tokenizer: Tokenizer, where: str | Sequence[str] = "text") -> Rows:
        """Columns "text" (units of the passage), "letters", "first" (of each token, its first unit),
        "token" (its characters), "match" (bits, `text.answers`), "counted" (at which tokens answers of this
        row may begin), "second" (units of the question), "second_letters"; "label" (first and last token of
        each answer) where every question has a target. Passages of more than tokenizer.max_length units
        become several rows."""
        examples = self.read(texts)
        known: dict[str, int] = {}
        of = np.array([known.setdefault(e.texts[0], len(known)) for e in examples], np.int64)
        passages, asked = list(known), [e.texts[1] for e in examples]
        tokens, words = _cut(passages, self.config.cut)
        asked_tokens, asked_words = _cut(asked, self.config.cut)
        mine, theirs = align(tokenizer, passages, tokens), align(tokenizer, asked, asked_tokens)
        self._check_lengths(tokenizer, mine.units.lengths[of], theirs.units.lengths, examples, where)
        whole = mine.take(of)
        made = windows(whole, tokenizer.config.max_length)
        bounds = Ragged.of((np.array(each, np.int32).ravel() for each in tokens), np.int32).take(of)
        pairs = bounds.flat.reshape(-1, 2)
        begins, seen = made.seen[:, 0], _ranges(made.seen)
        sizes = made.seen[:, 1] - begins
        offsets = np.append(0, np.cumsum(sizes))
        counted = np.stack([made.tokens[:-1], made.tokens[1:]], 1) - begins[:, None]
        columns = {
            "text": made.aligned.units,
            "letters": made.aligned.letters,
            "first": Ragged(whole.firsts.flat[seen] - np.repeat(made.begin, sizes), offsets),
            "token": Ragged(pairs[seen].ravel(), 2 * offsets),
            "match": Ragged(matches(words, of, asked_words).flat[seen], offsets),
            "counted": Ragged(counted.ravel(), 2 * np.arange(len(counted) + 1)),
            "second": theirs.units.take(made.owner),
            "second_letters": theirs.letters.take(made.owner),
        }
        if all(example.target is not None for example in examples):
            found = [
                [tokens_of(span, tokens[p]) for span in e.target] for e, p in zip(examples, of, strict=True)
            ]
            columns["label"] = _labels(found, made, whole.firsts.offsets)
        lengths = whole.units.lengths
        report = CutReport(
            int((lengths > tokenizer.config.max_length).sum()),
            0,
            len(examples),
            len(whole.units.flat),
            int(lengths.max(initial=0)),
        )
        return Rows(columns, made.owner, report)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        return self.rows(examples, tokenizer).columns

    def _check_lengths(
        self,
        tokenizer: Tokenizer,
        passages: NDArray[np.int64],
        questions: NDArray[np.int64],
        examples: Sequence[Example],
        where: str | Sequence[str],
    ) -> None:
        config, wheres = tokenizer.config, [e.where or str(where) for e in examples]
        demand_windows(passages, config, wheres, "an answer may stand anywhere in it, so nothing can be cut")
        if passages.max(initial=0) > config.max_length < 4 * self.config.longest:
            raise Problem(
                "tokenizer.max_length",
                f"windows of {config.max_length} units overlap by a quarter, which is less than an answer of "
                f"{self.config.longest} tokens.",
                f"Set tokenizer.max_length={4 * self.config.longest} or more, or a smaller task.longest.",
            )
        if questions.max(initial=0) > config.max_length:
            row = int(np.argmax(questions))
            raise Problem(
                wheres[row],
                f"the question has {questions[row]:,} units, more than the {config.max_length:,} of "
                "tokenizer.max_length; a question is read whole.",
                "Shorten it, or raise tokenizer.max_length.",
            )

    def check(self, golds: Sequence[Example], name: str) -> list[str]:
        """Also of the training questions: what the options leave no way to say."""
        longer = without = answers = 0
        for gold in golds:
            without += not gold.target
            for start, end in gold.target:
                answers += 1
                longer += len(cut(gold.texts[0][start:end], self.config.cut)) > self.config.longest
        notes = []
        if longer:
            notes.append(
                f"{name}: {longer:,} of {answers:,} answers have more than {self.config.longest} tokens "
                "(task.longest); so long an answer is never given."
            )
        if without and self.answerable:
            notes.append(
                f"{name}: {without:,} questions have no answer; every training question has one, so the "
                "model always gives one."
            )
        return notes

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """inputs: passages and questions. places: that of each token in the padded view [M], the tokens'
        bits with their layout, their characters [M, 2], and at which of them answers may begin [B, 2].
        target, count: see `_target`; None without a column "label"."""
        passage = Tokens.of(columns["text"], columns["letters"])
        question = Tokens.of(columns["second"], columns["second_letters"])
        firsts = columns["first"]
        layout = Tokens.of(Ragged(columns["match"].flat, firsts.offsets - firsts.offsets[0]))
        rows = np.repeat(np.arange(len(firsts)), firsts.lengths)
        places = (
            torch.from_numpy(rows * passage.width + firsts.flat),
            layout,
            torch.from_numpy(columns["token"].flat.reshape(-1, 2).astype(np.int64)),
            torch.from_numpy(columns["counted"].flat.reshape(-1, 2).astype(np.int64)),
        )
        if "label" not in columns:
            return Batch((passage, question), None, len(firsts), places)
        return Batch((passage, question), *self._target(columns["label"]), places)

    def _target(self, labels: Ragged) -> tuple[tuple[Tensor, Tensor, Tensor], int]:
        """rows [A], places [A, 2] and weights [A] of all answers, those of one question weigh 1 together; and
        how many questions are trained on. Place 0 is "no answer" where some questions have none; else rows
        without an answer (windows beside it) teach nothing."""
        counts = labels.lengths // 2
        rows, pairs = np.repeat(np.arange(len(labels)), counts), labels.flat.reshape(-1, 2).astype(np.int64)
        bare = np.flatnonzero(counts == 0)
        if not self.answerable:
            rows, pairs = (
                np.append(rows, bare),
                np.concatenate([pairs + 1, np.zeros((len(bare), 2), np.int64)]),
            )
        weights = 1 / np.maximum(counts, 1)[rows]
        trained = len(labels) - (len(bare) if self.answerable else 0)
        made = (torch.from_numpy(rows), torch.from_numpy(pairs), torch.from_numpy(weights).float())
        return made, max(trained, 1)  # a batch of nothing to be learned has a loss of 0, which can be divided

    # Training and predicting.

    def looked_at(self, encode: Encode, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of each token of the passages its shares in the question's units [B, T, J]; and [B, T] its share in
        what all tokens get of the passage, the probability of its being first and of its being last."""
        passage, question, asked, _, layout = given = self._read(encode, batch)
        of_question, of_passage = self.reader.flow.shares(passage, question, layout.mask, asked)
        start, end = (scores[:, -layout.width :] for scores in self._log_shares(self.reader(*given)))
        return of_question, of_passage, start.exp(), end.exp()

    @staticmethod
    def _log_shares(pointed: Pointed) -> tuple[Tensor, Tensor]:
        """Log-probabilities of being first and last; where some questions have no answer, of that before
        those of the tokens."""
        start, end, none = pointed
        if none is not None:
            start, end = torch.cat([none[:, :1], start], 1), torch.cat([none[:, 1:], end], 1)
        return start.log_softmax(1), end.log_softmax(1)

    def pointed(self, encode: Encode, batch: Batch) -> Pointed:
        """Scores of the tokens of each passage."""
        pointed: Pointed = self.reader(*self._read(encode, batch))
        return pointed

    def _read(self, encode: Encode, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, Tokens]:
        """What the reader is given."""
        (passage, question), (places, layout, _, _) = batch.inputs, batch.places
        states = encode(passage).states  # [B, T, D]
        if len(places) != len(passage.flat) or layout.width != passage.width:  # several units to a token
            states = layout.pad(states.reshape(-1, states.shape[-1]).index_select(0, places))
        asked = encode(question)
        bits = torch.arange(BITS, device=layout.flat.device)
        features = layout.pad(layout.flat[:, None] >> bits & 1)  # [B, T, F]
        return states, asked.states, asked.mask, features, layout

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        """- log p(first) - log p(last), a mean over the answers of a question; summed over questions. Several
        answers of one question are what several people said."""
        rows, places, weights = batch.target
        start, end = self._log_shares(self.pointed(encode, batch))
        first, last = start[rows, places[:, 0]], end[rows, places[:, 1]]
        return Loss(-((first + last) * weights).sum(), batch.count)

    def predict(self, encode: Encode, batch: Batch) -> list[Found]:
        _, layout, bounds, counted = batch.places
        with torch.no_grad():
            start, end, none = self.pointed(encode, batch)
        places = torch.arange(layout.width, device=start.device)
        may = (places >= counted[:, :1]) & (places < counted[:, 1:])
        best = best_spans(
            start,
            end,
            layout.lengths,
            longest=self.config.longest,
            number=self.config.n_best,
            counted=may,
        )
        begin = layout.offsets[:-1, None]
        last = len(bounds) - 1  # of what is no span, minus infinity in score, any place will do
        if last < 0:
            spans = best.first.new_zeros(*best.first.shape, 2)
        else:
            first_of, last_of = (begin + best.first).clamp(max=last), (begin + best.last).clamp(max=last)
            spans = torch.stack([bounds[first_of, 0], bounds[last_of, 1]], -1)  # [B, K, 2]
        return Found.of(spans, best.score, best.log_sum, None if none is None else none.sum(1))

    def merged(self, outcomes: list[Found], owner: NDArray[np.int64], count: int) -> list[Found]:
        """Rows of one passage: the best of all their spans. Exact, for each span is of one row only."""
        if len(outcomes) == count:
            return outcomes
        parts: list[list[Found]] = [[] for _ in range(count)]
        for row, found in zip(owner.tolist(), outcomes, strict=True):
            parts[row].append(found)
        return [merge(rows, self.config.n_best) for rows in parts]

    def joined(self, parts: Sequence[list[Found]]) -> list[Found]:
        return list(chain.from_iterable(parts))

    def finish(self, outcomes: list[Found], examples: Sequence[Example]) -> None:
        """Choose the threshold of "no answer" that is best on dev, as SQuAD's script for v2 does."""
        if not self.answerable:
            self.threshold.fill_(self.best_threshold(outcomes, examples))


def _cut(texts: Sequence[str], how: CutName) -> tuple[list[Any], list[list[str]]]:
    """The tokens of texts, and what they are."""
    tokens = [cut(text, how) for text in texts]
    return tokens, [[text[a:b] for a, b in bounds] for text, bounds in zip(texts, tokens, strict=True)]


def _ranges(bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """All numbers of ranges [R, 2], one range after the other."""
    sizes = bounds[:, 1] - bounds[:, 0]
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(bounds[:, 0] - (ends - sizes), sizes)


def _labels(
    found: Sequence[Sequence[tuple[int, int] | None]], made: Windows, offsets: NDArray[np.int64]
) -> Ragged:
    """Answers of texts, as tokens of each, as those of rows: an answer is of the row that counts its first
    token, if that has its last one too. offsets: of the tokens of the texts."""
    labels = []
    for row, text in enumerate(made.owner.tolist()):
        low, high = made.tokens[row : row + 2]
        begin, end = made.seen[row]
        shift = int(offsets[text])
        spans = [(one[0] + shift, one[1] + shift) for one in found[text] if one is not None]
        labels.append([n - int(begin) for a, b in spans if low <= a < high and b < end for n in (a, b)])
    return Ragged.of(labels)
