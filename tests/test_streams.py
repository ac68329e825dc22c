"""From documents to streams on disk, and what a model is judged on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.real import real
from textladder import recipe, streams
from textladder.errors import Problem
from textladder.model import Model
from textladder.preparing import Data, Prepared, prepare, read_data
from textladder.ragged import Ragged
from textladder.recipe import Recipe
from textladder.streams import count_characters, count_words, outcomes
from textladder.tasks.judging import Block
from textladder.text.corpus import Corpus
from textladder.text.cutting import Piece, blocks_of
from textladder.text.documents import GivenDocuments
from textladder.text.splitting import split_documents
from textladder.text.tokenizing import BEGIN, END, SPECIAL, UNKNOWN, Tokenizer, TokenizerConfig

SENTENCE = "The quick brown fox jumps over the lazy dog, and runs.\n"


def small(rung: str, **values: Any) -> Recipe:
    sizes = {"embedding_dim": 8, "hidden_dim": 8, "dropout": 0.0, "embedding_dropout": 0.0}
    if rung == "gpt":
        sizes |= {
            "feedforward_dim": sizes.pop("hidden_dim"),
            "num_heads": 2,
            "num_layers": 1,
            "input_dropout": 0.0,
        }
    given: dict[str, Any] = {"tokenizer.min_count": 1}
    given |= {f"encoder.{key}": value for key, value in sizes.items() if rung != "ngram"}
    return recipe.rung(rung, "language").with_values(
        given | {key.replace("__", "."): value for key, value in values.items()}
    )


def prepared(
    folder: Path, chosen: Recipe, text: str | list[str], held_out: Path | None = None
) -> tuple[Data, Prepared]:
    path = folder / "text.txt"
    path.write_text(text if isinstance(text, str) else "\n\n".join(text))
    data = read_data(chosen.data, folder / "data", str(path), held_out, held_out, reads="documents")
    return data, prepare(chosen, data, folder / "work")


def test_a_stream_is_documents_between_their_ends(tmp_path: Path) -> None:
    texts = [SENTENCE * 40, "One.", SENTENCE * 30 + "End."] * 10
    chosen = small("lstm", tokenizer__units="character", data__documents="blank-line")
    data, made = prepared(tmp_path, chosen, [text.strip() for text in texts])
    for name, part in data.parts().items():
        store, documents = made.stores[name], list[str]()
        flat = store.columns["text"].flat
        starts = np.asarray(store.columns["start"].flat, np.bool_)
        for begins, example in zip(starts, part.examples(), strict=True):
            documents = [*documents, ""] if begins else documents
            documents[-1] += example.texts[0]
        assert starts[0]
        wanted = [np.concatenate([[BEGIN], made.tokenizer.encode_one(text), [END]]) for text in documents]
        assert flat.tolist() == np.concatenate(wanted).tolist()


def test_labels_begin_documents(tmp_path: Path) -> None:
    rows = [f"{n},{'xy'[n % 2]}" for n in range(200)]
    path = tmp_path / "names.csv"
    path.write_text("\n".join(["text,label", *rows, "rare,z"]))
    chosen = small("lstm", tokenizer__units="character", tokenizer__max_length=8)
    data = read_data(chosen.data, tmp_path / "d", str(path), reads="documents")
    made = prepare(chosen, data, tmp_path / "w")
    assert made.labels["labels"] == ["x", "y", "z"]
    first = {len(made.tokenizer) + n: name for n, name in enumerate("xyz")}
    for name, part in data.parts().items():
        ids, rows_of = made.stores[name].columns["text"], list(part.examples())
        assert [first[int(ids[n][0])] for n in range(len(ids))] == [e.target[0] for e in rows_of]


@pytest.mark.parametrize(("label", "said"), [("q", "'q' is not one of the training"), ("x|y", "2 labels")])
def test_a_label_seen_in_test_only(tmp_path: Path, label: str, said: str) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    rows = [f"{n},{('x', 'y', 'y|x')[n % (2 if label == 'q' else 3)]}\n" for n in range(200)]
    train.write_text("text,label\n" + "".join(rows))
    test.write_text(f"text,label\nab,x\nabc,{label}\n")
    chosen = small("lstm", tokenizer__units="character", tokenizer__max_length=8, data__label_separator="|")
    data = read_data(chosen.data, tmp_path / "d", str(train), test=test, reads="documents")
    with pytest.raises(Problem, match=said):
        prepare(chosen, data, tmp_path / "w")


def test_a_text_too_short(tmp_path: Path) -> None:
    chosen = small("lstm", tokenizer__units="character")
    with pytest.raises(Problem, match="1 block is too few to hold some out"):
        prepared(tmp_path, chosen, SENTENCE)
    (tmp_path / "dev.txt").write_text(SENTENCE)
    window = small("lstm", tokenizer__units="character", tokenizer__max_length=512)
    with pytest.raises(Problem, match="its training part has 57 units, and one window is 512"):
        prepared(tmp_path, window, SENTENCE, tmp_path / "dev.txt")
    _, made = prepared(tmp_path, small("ngram", tokenizer__max_length=512), SENTENCE, tmp_path / "dev.txt")
    assert set(made.stores) == {"train", "dev", "test"}


def test_what_is_held_out_comes_after_what_is_learned(tmp_path: Path) -> None:
    chosen = small("lstm", tokenizer__units="character")
    text = "".join(f"{n}. {SENTENCE}" for n in range(2000))
    data, _ = prepared(tmp_path, chosen, text)
    joined = ["".join(e.texts[0] for e in part.examples()) for part in data.parts().values()]
    assert "".join(joined) == text
    assert [round(len(part) / len(text), 2) for part in joined] == [0.9, 0.05, 0.05]
    assert any("cut inside a document" in note for note in data.notes)


def test_documents_are_drawn_with_their_copies_and_labels(tmp_path: Path) -> None:
    texts = [f"document {n % 90} " + "word " * (300 if n % 90 % 7 == 0 else 3) for n in range(100)]
    labels = [["rare" if n == 50 else "common"] for n in range(100)]
    corpus = Corpus.read(GivenDocuments(texts, labels), tmp_path / "c")
    split = split_documents(corpus, 0.1, 0.1, seed=0)
    starts = np.asarray(corpus.store.columns["start"].flat, np.bool_)
    document = np.cumsum(starts) - 1
    where = {name: set(document[getattr(split, name)] % 90) for name in split.sizes}
    assert not where["train"] & where["dev"] | where["train"] & where["test"] | where["dev"] & where["test"]
    assert sorted(np.concatenate([split.train, split.dev, split.test])) == list(range(len(corpus)))
    assert 50 in where["train"]
    assert all(0.05 < split.sizes[name] / len(corpus) < 0.2 for name in ("dev", "test"))
    assert split.notes == ["10 documents repeat another; copies were kept in the same part."]
    assert split_documents(corpus, 0, 0, seed=0).notes == ["10 documents repeat another."]


def test_what_is_counted_of_texts() -> None:
    texts = Ragged.of_strings(["Tó be,\nor ", "", "not", " ", "to\u00a0be  日本 ", "x"])
    assert count_characters(texts).tolist() == [10, 0, 3, 1, 10, 1]
    assert count_words(texts, np.ones(6, np.bool_)).tolist() == [3, 0, 1, 0, 2, 1]
    halves = Ragged.of_strings(["one tw", "o three", "four"])
    assert count_words(halves, np.array([True, False, False])).tolist() == [2, 1, 0]
    assert count_words(halves, np.array([True, False, True])).tolist() == [2, 1, 1]


@pytest.mark.parametrize("rung", ["causal-cnn", "neural-ngram", "lstm"])
def test_outcomes_are_those_of_whole_documents(
    rung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder that sees so far back, and one that has the whole document in its windows, lose nothing."""
    monkeypatch.setattr(streams, "STRIDE", 100 if rung != "lstm" else 5000)
    values: dict[str, Any] = {"tokenizer__units": "character", "data__documents": "blank-line"}
    texts = [(SENTENCE * 45).strip(), "One.", (SENTENCE * 20).strip()] * 10
    data, made = prepared(tmp_path, small(rung, **values), texts)
    torch.manual_seed(0)
    model = Model(small(rung, **values), made.tokenizer, made.labels).eval()
    found = outcomes(model, made.stores["test"])
    part = data.parts()["test"]
    assert len(found) == len(part)
    assert found[:, Block.CHARACTERS].sum() == sum(len(e.texts[0]) for e in part.examples())
    ids = np.asarray(made.stores["test"].columns["text"].flat)
    starts = np.flatnonzero(ids == BEGIN)
    assert found[:, Block.UNITS].sum() == len(ids) - len(starts)
    nats = 0.0
    for document in np.split(ids, starts[1:]):
        whole = {"text": Ragged.of([document[:-1]]), "target": Ragged.of([document[1:]])}
        nats += model.task.predict(model.encoder, model.task.collate(whole)).sum()
    assert found[:, Block.NATS].sum() == pytest.approx(nats, rel=1e-5)
    assert found[:, Block.SPELLING].sum() == 0


def test_attention_is_judged_by_the_windows_that_it_names(tmp_path: Path) -> None:
    values: dict[str, Any] = {"tokenizer__units": "character", "tokenizer__max_length": 48}
    texts = [(SENTENCE * 5).strip(), "One.", SENTENCE[:48], SENTENCE[:47], (SENTENCE * 2).strip()] * 30
    chosen = small("gpt", **values, data__documents="blank-line")
    _, made = prepared(tmp_path, chosen, texts)
    torch.manual_seed(0)
    model = Model(chosen, made.tokenizer, made.labels).eval()
    assert model.context_policy == "context|window=48|stride=24"
    ids = np.asarray(made.stores["test"].columns["text"].flat)
    starts, nats = np.flatnonzero(ids == BEGIN), 0.0
    for document in np.split(ids, starts[1:]):
        counted, end = 0, min(48, len(document) - 1)
        while counted < len(document) - 1:  # each window reads 48 units, and counts what is new in it
            begin = max(end - 48, 0)
            window = {
                "text": Ragged.of([document[begin:end]]),
                "target": Ragged.of([document[begin + 1 : end + 1]]),
            }
            nats += model.task.predict(model.encoder, model.task.collate(window))[counted - begin :].sum()
            counted, end = end, min(end + 24, len(document) - 1)
    found = outcomes(model, made.stores["test"])
    assert found[:, Block.UNITS].sum() == len(ids) - len(starts)
    assert found[:, Block.NATS].sum() == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize(
    ("rung", "reads", "policy"),
    [("causal-cnn", 60, "window=1084|stride=1024"), ("neural-ngram", 6, "window=1030|stride=1024")],
)
def test_an_encoder_of_short_sight_reads_as_far_back_as_it_sees(rung: str, reads: int, policy: str) -> None:
    from textladder.encoders import encoder_class

    chosen = small(rung, tokenizer__units="character")
    assert encoder_class(chosen.encoder_name)(chosen.encoder, ["a"] * 5).reach == reads
    tokenizer = Tokenizer.fit([["abc"]], chosen.tokenizer)
    labels = {"units": len(tokenizer), "labels": [], "spelling": {}, "ranked": False}
    assert Model(chosen, tokenizer, labels).context_policy == f"context|{policy}"


@pytest.mark.parametrize("units", ["byte", "character", "word", "whitespace", "wordpiece", "bpe"])
def test_units_of_blocks_are_those_of_the_text(units: str) -> None:
    text = real("tiny_shakespeare/input.txt").read_text()[:300_000]
    blocks = [block.text for block in blocks_of([Piece(text, 1, True)])]
    config = TokenizerConfig(units=units, unicode="none", lowercase=False, html=False, vocabulary_size=1000)  # type: ignore[arg-type]
    known = Tokenizer.fit([blocks], config)
    assert known.encode(blocks).flat.tolist() == known.encode([text]).flat.tolist()


def test_characters_have_no_limit(tmp_path: Path) -> None:
    """Han and Hangul have more characters than words have room, and one seen once is no <unk>."""
    many = "".join(map(chr, [*range(0x4E00, 0x9FFD), *range(0xAC00, 0xD7A4), *range(0x20000, 0x22000)]))
    assert len(set(many)) > 40_000
    chosen = recipe.rung("ngram", "language").with_values({"tokenizer.units": "character"})
    (tmp_path / "held.txt").write_text("\n" + many[:100])
    data, made = prepared(tmp_path, chosen, "\n" + many, tmp_path / "held.txt")
    assert len(made.tokenizer) == len(SPECIAL) + 1 + len(many)
    for store in made.stores.values():
        assert (np.asarray(store.columns["text"].flat) != UNKNOWN).all()
    (tmp_path / "again").mkdir()
    limited = chosen.with_values({"tokenizer.vocabulary_size": 100})
    assert len(prepare(limited, data, tmp_path / "again").tokenizer) == 100
