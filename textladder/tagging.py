"""A tagger in three lines of Python, with scikit-learn's conventions. Thin over `run` and `model`."""

# ruff: noqa: N803  X is what scikit-learn calls it
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from textladder.batch import Example
from textladder.errors import Problem
from textladder.estimating import RungEstimator, several
from textladder.tasks.tag import Said, Tag
from textladder.text.corpus import Corpus
from textladder.text.sentences import GivenSentences

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors

Text = str | Sequence[str]  # a text, or its tokens


class FoundSpan(NamedTuple):
    """A labelled span of a text: `text[start:end]`. confidence: the probability of its least sure token's
    tag."""

    start: int
    end: int
    label: str
    confidence: float


class TokenTagger(RungEstimator):
    """A rung of the ladder as a tagger: parts of speech, names, slots.

    A text is a string, which is cut into tokens (as the training texts are), or a list of its tokens, which
    stands for them joined by single spaces. Spans are (start, end, label) in characters of that text.

    rung: a name from `textladder rungs --task tag`, or the path of a recipe file. units: what tokens are cut
    into (None: the rung's own). settings: {"encoder.hidden_dim": 256, ...}, as `--set`. dev_share: share of
    the training texts held out to stop early. seed: of everything random. device: "auto", "cpu", ...
    vectors: WordVectors, or a file or folder of them, for the embedding. verbose: True prints progress on
    stderr.

    After fit: `classes_` (labels), `model_` (textladder.model.Model), `history_` (dev scores).
    """

    task_name = "tag"

    def __init__(
        self,
        rung: str = "bilstm-crf",
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

    def fit(self, X: Sequence[Text], y: Sequence[Sequence[Any]]) -> TokenTagger:
        """Train on texts X and, for each, its spans (start, end, label), or a tag for each of its tokens (of
        its own, or in a scheme such as B-ORG, I-ORG, O). Raises Problem for spans that lie on no whole
        tokens, with the nearest that do (settings: data.misplaced), and for what the rung cannot do;
        ValueError where X is one text."""
        chosen = self._recipe()
        if chosen.data.context:
            raise Problem(
                "data.context", "texts in memory are of no document.", "Leave it out, or train from a file."
            )
        cut = "word" if chosen.task.cut == "auto" else chosen.task.cut
        with tempfile.TemporaryDirectory(prefix="textladder-") as work:
            given = GivenSentences(several(X), y, cut, chosen.data)
            corpus = Corpus.read(given, Path(work) / "corpus")
            self._train(corpus, chosen, classes=False)
        self.classes_ = np.array(self.model_.labels["labels"])
        return self

    def predict(self, X: Sequence[Text]) -> list[list[FoundSpan]]:
        """The spans of each text; where every token has a tag of its own, a span for each token."""
        examples, outcomes = self._said(X)
        return [
            [FoundSpan(*span) for span in self._task.spans_of(said, example.tokens or ())]
            for said, example in zip(outcomes, examples, strict=True)
        ]

    def predict_tags(self, X: Sequence[Text]) -> list[list[str]]:
        """The tag of each token of each text."""
        names = self._task.tags.names
        return [[names[tag] for tag in said.tags.tolist()] for said in self._said(X)[1]]

    def n_best(self, text: Text, number: int = 5) -> list[tuple[float, list[FoundSpan]]]:
        """The `number` most probable taggings of one text, each with its probability; only of a CRF. The
        confidence of a span is then that of the whole tagging."""
        task, crf = self._task, self._task.crf
        (example,) = GivenSentences([text], None, task.labels["cut"]).examples()
        rows = self.model_.rows([example])
        if crf is None or len(rows.owner) > 1 or not example.tokens:
            what = "it has no CRF" if crf is None else "the text has no tokens, or too many for one window"
            raise Problem("n_best", f"{what}.", "Use predict, or a rung with task.output=crf.")
        with self.model_.predicting():
            batch = task.collate(rows.columns).to(self.model_.device)
            found, shares = crf.n_best(task.emissions(self.model_.encoder, batch), number)
        said = [
            Said(tags, np.full(len(tags), share, np.float32))
            for tags, share in zip(found, shares, strict=True)
        ]
        return [
            (float(share), [FoundSpan(*span) for span in task.spans_of(one, example.tokens)])
            for share, one in zip(shares, said, strict=True)
        ]

    def score(self, X: Sequence[Text], y: Sequence[Sequence[Any]]) -> float:
        """The headline on these texts: F1 of spans, or accuracy of tags."""
        check_is_fitted(self)
        config = replace(self.model_.recipe.data, context=0)
        source = GivenSentences(several(X), y, self.model_.labels["cut"], config)
        examples = list(source.examples())
        return self._task.score(self.model_.predict(examples), examples).headline

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> TokenTagger:
        """A tagger, ready to predict, from a model folder, a run folder or a compare folder (its pick).
        Problem also for a model of another task."""
        loaded = cls._open(folder, device, "tagger", "TextClassifier")
        loaded.classes_ = np.array(loaded.model_.labels["labels"])
        return loaded

    @property
    def _task(self) -> Tag:
        check_is_fitted(self)
        assert isinstance(self.model_.task, Tag)
        return self.model_.task

    def _said(self, X: Sequence[Text]) -> tuple[list[Example], list[Said]]:
        source = GivenSentences(several(X), None, self._task.labels["cut"])
        examples = list(source.examples())
        return examples, self.model_.predict(examples)
