"""The data sets of `benchmarks.quality`: their files, what is asked, what is known, and the settings that a
sensible user would give. No setting was chosen by looking at a test score."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import child
from benchmarks.harness import OUT, data_folder
from benchmarks.ours.data import write_csv
from benchmarks.own_vectors import Vectors
from textladder import recipe

EVERY = "*"  # settings for every rung
OF_CHARACTERS = {EVERY: ['tokenizer.units="character"']}  # names are too short and too varied for words


@dataclass(frozen=True)
class DataSet:
    """train: a file of the data folder, a file that `make_phrases` writes, or a built-in set. Parts that
    are None are split off train (dev) or come with it. reach: of the best rung by dev. reach_rungs: reach
    of some rungs alone."""

    train: str
    dev: str | None
    test: str | None
    reach: float | None
    known: str
    about: str
    settings: dict[str, list[str]] = field(default_factory=dict)
    reach_rungs: tuple[float, tuple[str, ...]] | None = None
    within: float | None = None  # every neural rung is asked to come this near to the best
    vectors: Vectors | None = None
    task: str = "classify"

    def rungs(self) -> list[str]:
        """Of the task, the cheapest first."""
        return recipe.rungs(self.task)

    def settings_of(self, rung: str) -> list[str]:
        return [*self.settings.get(EVERY, []), *self.settings.get(rung, [])]

    def vectors_of(self, rung: str) -> Vectors | None:
        return self.vectors if self.vectors and rung in self.vectors.rungs else None

    def files(self) -> tuple[str, Path | None, Path | None]:
        """(train, dev, test) with their folders."""
        folder = data_folder()
        train = str(folder / self.train) if "/" in self.train else self.train
        if self.train == PHRASES:
            train = str(make_phrases(folder))
        dev, test = (folder / part if part else None for part in (self.dev, self.test))
        return train, dev, test


PHRASES = "phrases"
SEQUENCES = ("rnn", "gru", "lstm", "bilstm", "cnn", "rescnn")
ENGLISH = Vectors(  # general and of films; questions
    ("wiki_2018/train.txt.gz", "imdb/train.csv.gz", "sst2/train.csv", "trec/train.csv"),
    ("--dim", "200", "--threads", "1", "--text", "text"),
    SEQUENCES,
)

CAPTIONS = Vectors(  # general, and captions, which most of these pairs are or are about
    ("wiki_2018/train.txt.gz", "multi30k/train.en.gz"),
    ("--dim", "200", "--threads", "1"),
    ("bow", "decomposable", "cnn", "bilstm", "esim"),
)
FROZEN = {  # the width of the vectors, which stay as they are (`bow` moves them)
    **{rung: ["encoder.embedding_dim=200", "training.freeze_embedding=true"] for rung in CAPTIONS.rungs},
    "bow": ["encoder.dim=200"],
}

SETS = {
    "sst2": DataSet(
        "sst2/train.csv",
        "sst2/dev.csv",
        "sst2/test.csv",
        0.82,
        "TF-IDF + logistic regression 0.814, fastText 0.801 (measured)",
        "SST-2, sentences only",
    ),
    "sst2_phrases": DataSet(
        PHRASES,
        "sst2/dev.csv",
        "sst2/test.csv",
        0.85,
        "LSTM 0.849, BiLSTM 0.875, with phrases and GloVe (Tai et al. 2015)",
        "SST-2, with the phrases of the training trees",
        settings={  # ten times as many texts as sentences, most of them a few words long
            rung: ["encoder.embedding_dim=200", "training.batch_texts=128", "training.epochs=4"]
            for rung in SEQUENCES
        },
        vectors=ENGLISH,
    ),
    "rt_polarity": DataSet(
        "rt_polarity/train.csv",
        "rt_polarity/dev.csv",
        "rt_polarity/test.csv",
        0.785,
        "spaCy 0.784, TF-IDF + logistic regression 0.781 (measured), CNN-rand 0.761 (Kim 2014)",
        "rt_polarity",
        within=0.03,
    ),
    "trec": DataSet(
        "trec/train.csv",
        None,
        "trec/test.csv",
        0.92,
        "CNN-rand 0.912 (Kim 2014)",
        "TREC-6",
        settings={  # questions ask for names, and names have capitals
            EVERY: ['data.label="label"', "tokenizer.lowercase=false"]
        },
    ),
    "ag_news": DataSet(
        "ag_news/train.csv",
        "ag_news/dev.csv",
        "ag_news/test.csv",
        0.87,
        "TF-IDF + logistic regression 0.863, fastText 0.854, spaCy 0.862, "
        "MiniLM embedding + logistic regression 0.874 (measured)",
        "AG News sample",
        within=0.03,
    ),
    "imdb": DataSet(
        "imdb/train.csv.gz",
        None,
        "imdb/test.csv.gz",
        0.908,
        "TF-IDF bigrams + logistic regression 0.906, fastText 0.896 (measured); "
        "NBoW 0.858, LSTM 0.862, CNN 0.875 (bentrevett)",
        "IMDB, full",
        settings={  # long texts: whole, and with more left out, as chosen on dev
            "cnn": [
                "tokenizer.max_length=1000",
                "encoder.word_dropout=0.3",
                "encoder.embedding_dropout=0.5",
                "training.batch_texts=64",
                "training.learning_rate=0.002",
                "training.epochs=5",
            ]
        },
        reach_rungs=(0.88, SEQUENCES),
    ),
    "goemotions": DataSet(
        "goemotions/train.csv.gz",
        "goemotions/dev.csv",
        "goemotions/test.csv",
        None,
        "macro-F1: BERT 0.46, BiLSTM 0.41 (Demszky et al. 2020)",
        "GoEmotions, 28 labels",
    ),
    "surnames": DataSet(
        "surnames/train.csv",
        "surnames/dev.csv",
        "surnames/test.csv",
        0.70,
        "0.48 (the PyTorch NLP book)",
        "surnames, nationality",
        settings=OF_CHARACTERS,
    ),
    "snli_small": DataSet(
        "snli_small/train.jsonl",
        "snli_small/dev.jsonl",
        "snli_small/test.jsonl",
        0.70,
        "ESIM 0.880 after 550,000 pairs, which are not here (Chen et al. 2017)",
        "SNLI, small: 8,862 pairs, entailment",
        settings=FROZEN,
        vectors=CAPTIONS,
        task="pair",
    ),
    "mrpc": DataSet(
        "mrpc/train.jsonl",
        "mrpc/dev.jsonl",
        "mrpc/test.jsonl",
        0.72,
        "0.804 (Ji and Eisenstein 2013); 0.665 of the test pairs are paraphrases",
        "MRPC, paraphrase",
        task="pair",
    ),
    "sick": DataSet(
        "sick/train.jsonl",
        "sick/dev.jsonl",
        "sick/test.jsonl",
        0.75,
        "LSTM 0.853, Tree-LSTM 0.868, with GloVe (Tai et al. 2015)",
        "SICK, relatedness",
        settings={EVERY: ['data.label="score"']},
        task="pair",
    ),
    "stsb": DataSet(
        "stsb/train.jsonl",
        "stsb/dev.jsonl",
        "stsb/test.jsonl",
        0.45,
        "InferSent 0.758 (Cer et al. 2017)",
        "STS-B, similarity",
        task="pair",
    ),
    "languages": DataSet(
        "languages",
        None,
        None,
        0.85,
        "none",
        "languages, built in, 20 languages",
        settings=OF_CHARACTERS,
    ),
}

LABELS = {"0": "0", "1": "0", "3": "1", "4": "1"}  # negative, positive; 2 is neutral
_PIECE = re.compile(r"\(|\)|[^\s()]+")
_WRITTEN = {"-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}", "-LSB-": "[", "-RSB-": "]"}


def phrases(tree: str) -> Iterator[tuple[str, str]]:
    """(text, label) of every node of a bracketed tree, "(3 (2 It) (4 works))"; a node after its children."""
    open_nodes: list[tuple[str, list[str]]] = []
    pieces = _PIECE.findall(tree)
    for piece, before in zip(pieces, ["", *pieces], strict=False):
        if piece == "(":
            continue
        if before == "(":
            open_nodes.append((piece, []))
        elif piece == ")":
            label, words = open_nodes.pop()
            if open_nodes:
                open_nodes[-1][1].extend(words)
            yield " ".join(words), label
        else:
            open_nodes[-1][1].append(_WRITTEN.get(piece, piece.replace("\\/", "/").replace("\\*", "*")))


def polar_phrases(trees: Iterator[str], held_out: set[str]) -> list[tuple[str, str]]:
    """Every phrase that is negative or positive, once, without those that are a sentence of dev or test. A
    phrase with both labels (the same words in two sentences) is left out."""
    labels: dict[str, set[str]] = {}
    for tree in trees:
        for text, label in phrases(tree):
            if label in LABELS and same(text) not in held_out:
                labels.setdefault(text, set()).add(LABELS[label])
    return [(text, next(iter(found))) for text, found in labels.items() if len(found) == 1]


def same(text: str) -> str:
    """What two texts have in common that differ in case and spaces alone."""
    return "".join(text.lower().split())


def make_phrases(folder: Path) -> Path:
    path = OUT / "data" / "sst2_phrases.csv"
    if not path.exists():
        held_out = {
            same(t) for part in ("dev", "test") for t in child.read_csv(folder / f"sst2/{part}.csv")[0]
        }
        with (folder / "sst_trees" / "train.txt").open(encoding="utf-8") as trees:
            write_csv(path, polar_phrases(trees, held_out))
    return path
