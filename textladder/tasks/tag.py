"""Tagging: one tag for each token (parts of speech), or labelled spans of tokens (names, slots).

An outcome is a `Said` per text: the tag of each token and how sure it is. What is said of them afterwards is
in `marking`; how tokens and units meet, in `text.alignment`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from textladder.batch import Batch, Example, Loss, Ragged, Tokens
from textladder.errors import Problem, suggest
from textladder.layers.crf import CRF
from textladder.layers.heads import in_float32, make_head
from textladder.metrics import calibration, tagging
from textladder.metrics.chunks import chunks
from textladder.ranges import Share, Size
from textladder.tasks.labels import natural_order
from textladder.tasks.marking import Marking, Said, of_tokens
from textladder.tasks.task import Encode, Rows, Task
from textladder.text.alignment import align, windows
from textladder.text.context import Surrounded
from textladder.text.overlong import CutReport, demand_windows
from textladder.text.schemes import SchemeName, TagSet
from textladder.text.tokens import CutName, cut, nearest_cut

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer

CUT_SENTENCES = 1000  # of the training texts, that show how texts should be cut into tokens
SHOWN_UNSEEN = 5  # labels that a note names

__all__ = ["Said", "Tag"]


class Tag(Marking, Task):
    """Head, loss, tags and scores for texts with tokens.

    labels: {"kind": "tags" or "spans", "labels", "counts" {label: spans}, "scheme", "cut", "texts"}; cut says
    how a text without tokens is cut into them (`text.tokens`), which the training texts show.
    """

    @dataclass(frozen=True)
    class Config:
        kind: Literal["auto", "tags", "spans"] = "auto"  # auto: tags where every token has a label of its own
        output: Literal["softmax", "crf"] = "softmax"  # crf: tags of a text are chosen together
        scheme: SchemeName = "BIO"  # in which the model itself writes spans, whatever the file's scheme
        metric: Literal["auto", "span_f1", "token_accuracy", "sentence_accuracy"] = "auto"
        cut: Literal["auto", "whitespace", "word"] = "auto"  # texts into tokens; auto: as in training
        label_smoothing: Share = 0.0  # softmax: share of the truth that is spread over all tags
        head: Literal["linear", "mlp"] = "linear"
        head_dropout: Share = 0.0
        head_hidden_dim: Size = 128  # mlp only

    reads = "sentences"
    temperature: Tensor  # [] log odds of confidences are divided by it

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        self.names: list[str] = labels["labels"]
        self.spans = labels["kind"] == "spans"
        self.tags = TagSet(self.names, labels["scheme"] if self.spans else None)
        self.index = {name: number for number, name in enumerate(self.names)}
        self.headline = _headline(config, self.spans)
        self.head = make_head(config.head, dim, len(self.tags), config.head_hidden_dim, config.head_dropout)
        self.crf = CRF(*self.tags.legal()) if config.output == "crf" else None
        self.register_buffer("temperature", torch.ones((), dtype=torch.float64))
        if self.crf is not None and config.label_smoothing:
            raise Problem(
                "task.label_smoothing", "a CRF has no use for it.", "Set it to 0, or task.output=softmax."
            )

    # Before training: labels, columns, batches.

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """From examples with their texts and tokens. Raises Problem where there is nothing to tell apart."""
        counts: Counter[str] = Counter()
        each, texts, where = True, 0, ""
        shown: list[tuple[str, Any]] = []
        for example in examples:
            texts += 1
            where = where or example.where
            counts.update(label for _, _, label in example.target)
            tokens = example.tokens
            if tokens is None:
                tokens = cut(example.texts[0], "whitespace" if config.cut == "auto" else config.cut)
            each = each and [span[:2] for span in example.target] == list(map(tuple, tokens))
            if len(shown) < CUT_SENTENCES and example.texts:
                shown.append((example.texts[0], [tuple(bounds) for bounds in tokens]))
        kind = config.kind if config.kind != "auto" else "tags" if each else "spans"
        file = where.rpartition(":")[0] or "training texts"
        if len(counts) < (2 if kind == "tags" else 1):
            only = f"the only label is {next(iter(counts))!r}" if counts else "no token has a label"
            raise Problem(
                file, f"{only} in {texts:,} training texts.", "Give another column of tags with --column."
            )
        if kind == "tags" and not each:
            raise Problem(
                file, "some tokens have no tag of their own.", "Tag them all, or set task.kind=spans."
            )
        names = sorted(counts, key=natural_order)
        return {
            "kind": kind,
            "labels": names,
            "counts": {name: counts[name] for name in names},
            "scheme": config.scheme,
            "cut": nearest_cut(shown) if config.cut == "auto" else config.cut,
            "texts": texts,
        }

    @staticmethod
    def tokens_of(examples: Sequence[Example], config: Config) -> list[Any]:
        return [([e.texts[0] for e in examples], [e.tokens for e in examples])]

    def read(self, texts: Sequence[Any]) -> list[Example]:
        """Strings as Examples, cut into tokens; Examples that have their tokens stay as they are."""
        how: CutName = self.labels["cut"]
        found = []
        for text in texts:
            one = Example((text,)) if isinstance(text, str) else text
            found.append(one if one.tokens is not None else replace(one, tokens=cut(one.texts[0], how)))
        return found

    def rows(self, texts: Any, tokenizer: Tokenizer, where: str | Sequence[str] = "text") -> Rows:
        """Columns "text" (units), "first" (of each token, its first unit) and "letters"; "label" (tags) where
        every text has a target. Texts of more than tokenizer.max_length units become several rows."""
        if isinstance(texts, Ragged):
            texts = [texts.string(row) for row in range(len(texts))]
        examples = self.read(texts)
        given = Surrounded.of(examples)
        aligned = given.own(align(tokenizer, given.texts, given.tokens))
        limit = tokenizer.config.max_length
        long = aligned.units.lengths > limit
        demand_windows(
            aligned.units.lengths,
            tokenizer.config,
            [e.where or str(where) for e in examples],
            "every token needs a tag, so nothing can be cut",
        )
        made = windows(aligned, limit)
        columns = {"text": made.aligned.units, "first": made.aligned.firsts, "letters": made.aligned.letters}
        if all(example.target is not None for example in examples):
            tags = self.targets([(e.target, e.tokens) for e in examples], [e.where for e in examples])
            columns["label"] = Ragged(self._restarted(tags.flat, made.tokens), made.tokens)
        report = CutReport(
            int(long.sum()),
            0,
            len(examples),
            len(aligned.units.flat),
            int(aligned.units.lengths.max(initial=0)),
        )
        return Rows(columns, made.owner, report)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        return self.rows(examples, tokenizer).columns

    def _restarted(self, flat: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tags of rows: where a row begins inside a span, as the part of the span in it is written."""
        if not self.spans or not len(flat):
            return flat
        firsts = np.zeros(len(flat), np.bool_)
        firsts[offsets[:-1][offsets[1:] > offsets[:-1]]] = True
        found = chunks(self.tags.prefixes[flat], self.tags.types[flat], firsts)
        return self.tags.of_spans(found.tolist(), len(flat), firsts) if self._clash(flat, firsts) else flat

    def _clash(self, flat: NDArray[np.int64], firsts: NDArray[np.bool_]) -> bool:
        _, starts, ends = self.tags.legal()
        lasts = np.append(np.flatnonzero(firsts)[1:] - 1, len(flat) - 1)
        return not (starts[flat[firsts]].all() and ends[flat[lasts]].all())

    def targets(self, targets: Sequence[Any], wheres: Sequence[str]) -> Ragged:
        """(spans of characters, tokens) of each text -> [T] tags; -1 for tokens whose label training did not
        know (in tags), O (in spans): what was not learned is not trained on, and counts as an error in
        scores."""
        rows = []
        for (spans, tokens), where in zip(targets, wheres, strict=True):
            known = [
                (start, end, self.index[label])
                for start, end, label in of_tokens(spans, tokens, where)
                if label in self.index
            ]
            rows.append(self.tags.of_spans(known, len(tokens)))
        return Ragged.of(rows)

    def check(self, golds: Sequence[Example], name: str) -> list[str]:
        unseen: Counter[str] = Counter()
        for gold in golds:
            if not self.spans and len(gold.target) != len(gold.tokens or ()):
                raise Problem(gold.where, "some of its tokens have no tag.", "Give every token a tag.")
            unseen.update(label for _, _, label in gold.target if label not in self.index)
        if not unseen:
            return []
        listed = ", ".join(f"{label!r} ({count:,})" for label, count in unseen.most_common(SHOWN_UNSEEN))
        more = f" and {len(unseen) - SHOWN_UNSEEN} more" if len(unseen) > SHOWN_UNSEEN else ""
        return [f"{name}: {unseen.total():,} spans have labels that no training text has: {listed}{more}."]

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """places: the place of each token in the padded view [M], and offsets [B + 1] of the tokens; target:
        tags [M], None without a column "label"; count: tokens."""
        tokens = Tokens.of(columns["text"], columns["letters"])
        firsts = columns["first"]
        offsets = np.asarray(firsts.offsets, np.int64)
        rows = np.repeat(np.arange(len(firsts)), np.diff(offsets))
        places = torch.from_numpy(rows * tokens.width + firsts.flat)
        tags = torch.from_numpy(columns["label"].flat.astype(np.int64)) if "label" in columns else None
        counted = (places, torch.from_numpy(offsets - offsets[0]))
        return Batch((tokens,), tags, len(rows), counted)

    # Training and predicting.

    def emissions(self, encode: Encode, batch: Batch) -> Tensor:
        """[M, L] a score for each tag of each token, float32 also under autocast."""
        places, _ = batch.places
        states = encode(batch.inputs[0]).states  # [B, T, D]
        vectors = states.reshape(-1, states.shape[-1]).index_select(0, places)
        return in_float32(self.head, vectors)

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        """Summed over tokens."""
        (_, offsets), tags = batch.places, batch.target
        emissions = self.emissions(encode, batch)
        if self.crf is not None:
            return Loss(self.crf.loss(emissions, offsets, tags), batch.count)
        smoothing = self.config.label_smoothing
        total = F.cross_entropy(emissions, tags, reduction="sum", label_smoothing=smoothing)
        return Loss(total, batch.count)

    def predict(self, encode: Encode, batch: Batch) -> list[Said]:
        _, offsets = batch.places
        with torch.no_grad():
            emissions = self.emissions(encode, batch)
        if self.crf is None:
            shares = emissions.softmax(-1).cpu().numpy()
            tags = shares.argmax(-1)
        else:
            tags, shares = self.crf.decode(emissions, offsets), self.crf.marginals(emissions, offsets)
        sure = shares[np.arange(len(tags)), tags].astype(np.float32)
        sure = calibration.tempered(sure, float(self.temperature)).astype(np.float32)
        return [Said(tags[a:b], sure[a:b]) for a, b in pairwise(offsets.tolist())]

    def finish(self, outcomes: list[Said], examples: Sequence[Example]) -> None:
        """Fit the temperature of what is said to be sure: the log odds of a tag's probability (softmax, or
        marginal) are divided by it, so that of all tags with a confidence of p a share of p is right. Which
        tags are said does not change."""
        sure, right = self.sure_and_right(outcomes, examples)
        self.temperature.mul_(calibration.fit_temperature_of_shares(sure, right))

    def merged(self, outcomes: list[Said], owner: NDArray[np.int64], count: int) -> list[Said]:
        """Rows of one text, one after the other."""
        if len(outcomes) == count:
            return outcomes
        parts: list[list[Said]] = [[] for _ in range(count)]
        for row, said in zip(owner.tolist(), outcomes, strict=True):
            parts[row].append(said)
        return [Said(*map(np.concatenate, zip(*rows, strict=True))) for rows in parts]

    def joined(self, parts: Sequence[list[Said]]) -> list[Said]:
        return list(chain.from_iterable(parts))


def _headline(config: Tag.Config, spans: bool) -> str:
    if config.metric == "auto":
        return "span_f1" if spans else "token_accuracy"
    if config.metric == "span_f1" and not spans:
        raise Problem(
            "task.metric",
            "there are no spans where every token has a tag of its own.",
            suggest("token_accuracy", tagging.HEADLINES[1:]),
        )
    return config.metric
