"""Answers to questions about passages in three lines of Python, with scikit-learn's conventions. Thin over
`run` and `model`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.utils.validation import check_is_fitted

from textladder.batch import Example
from textladder.estimating import RungEstimator
from textladder.model import Model
from textladder.tasks.answering import Said
from textladder.tasks.span import Span
from textladder.text.corpus import Corpus
from textladder.text.questions import GivenQuestions

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors


class FoundAnswer(NamedTuple):
    """An answer: `passage[start:end]` is `text`; all three None where the model says that there is none.
    confidence: the probability of it among all spans of the passage, and none where that may be."""

    start: int | None
    end: int | None
    text: str | None
    confidence: float


class AnswerExtractor(RungEstimator):
    """A rung of the ladder that finds the answer to a question in a passage.

    rung: a name from `textladder rungs --task span`, or the path of a recipe file. units: what tokens are cut
    into (None: the rung's own). settings: {"task.longest": 30, ...}, as `--set`. dev_share: share of the
    training questions held out to stop early, those of one passage together. seed: of everything random.
    device: "auto", "cpu", ... vectors: WordVectors, or a file or folder of them, for the embedding. verbose:
    True prints progress on stderr.

    After fit: `model_` (textladder.model.Model), `history_` (dev scores).
    """

    task_name = "span"

    def __init__(
        self,
        rung: str = "bidaf",
        *,
        units: str | None = None,
        settings: dict[str, Any] | None = None,
        dev_share: float = 0.1,
        seed: int = 1,
        device: str = "auto",
        vectors: str | Path | WordVectors | None = None,
        verbose: bool = False,
    ) -> None:
        self.rung, self.units, self.settings, self.dev_share = rung, units, settings, dev_share
        self.seed, self.device, self.vectors, self.verbose = seed, device, vectors, verbose

    def fit(
        self, passages: Sequence[str], questions: Sequence[str], answers: Sequence[Sequence[Any]]
    ) -> AnswerExtractor:
        """Train on passages, a question about each, and its answers: a list of (start, end) in characters, of
        {"text", "start"}, or of texts; an empty one where there is no answer. Raises Problem for answers that
        do not stand in their passage and for empty texts (settings: data.misplaced, data.empty), and for what
        the rung cannot do."""
        chosen = self._recipe()
        with tempfile.TemporaryDirectory(prefix="textladder-") as work:
            given = GivenQuestions(passages, questions, answers, chosen.data)
            corpus = Corpus.read(given, Path(work) / "corpus")
            self._train(corpus, chosen, classes=False)
        return self

    def predict(self, passages: Sequence[str], questions: Sequence[str]) -> list[FoundAnswer]:
        """The answer to each question."""
        examples = _examples(passages, questions)
        outcomes = self._task_model.predict(examples)
        return [
            _found(self._task.said(one), example) for one, example in zip(outcomes, examples, strict=True)
        ]

    def n_best(self, passage: str, question: str) -> list[FoundAnswer]:
        """The most probable answers to one question, the best first; how many: `task.n_best`."""
        (example,) = _examples([passage], [question])
        (one,) = self._task_model.predict([example])
        return [_found(said, example) for said in self._task.answers(one)]

    def score(
        self, passages: Sequence[str], questions: Sequence[str], answers: Sequence[Sequence[Any]]
    ) -> float:
        """The headline on these questions: F1 of words, or exact match, by the rules of SQuAD."""
        config = self._task_model.recipe.data
        examples = list(GivenQuestions(passages, questions, answers, config).examples())
        return self._task.score(self._task_model.predict(examples), examples).headline

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> AnswerExtractor:
        """Ready to predict, from a model folder, a run folder or a compare folder (its pick). Problem also
        for a model of another task."""
        return cls._open(folder, device, "model of answers", "TokenTagger")

    @property
    def _task_model(self) -> Model:
        check_is_fitted(self)
        model: Model = self.model_
        return model

    @property
    def _task(self) -> Span:
        task = self._task_model.task
        assert isinstance(task, Span)
        return task


def _examples(passages: Sequence[str], questions: Sequence[str]) -> list[Example]:
    for name, texts in (("passages", passages), ("questions", questions)):
        if isinstance(texts, (str, bytes)):
            raise ValueError(f"{name} is one text; give a list of texts, such as [text].")
    if not len(passages):
        raise ValueError("there is no question: at least one is needed.")
    return list(GivenQuestions(passages, questions, None).examples())


def _found(said: Said, example: Example) -> FoundAnswer:
    if said.span is None:
        return FoundAnswer(None, None, None, said.confidence)
    start, end = said.span
    return FoundAnswer(start, end, example.texts[0][start:end], said.confidence)
