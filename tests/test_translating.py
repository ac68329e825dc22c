"""Translators from end to end: toys that they must learn, searches held to exhaustive ones and to forced
decoding, alignments, and the estimator."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.made_sets import TOYS
from textladder import Translator, translating
from textladder.batch import Tokens
from textladder.errors import Problem
from textladder.search import SearchConfig
from textladder.search.beam_search import length_norm
from textladder.tasks.translate import Translate
from textladder.tasks.writing import NEVER
from textladder.text.tokenizing import BEGIN, END, SPECIAL
from textladder.translating import Translation

# A rung is made small enough for a test, and taught one thing.
TINY: dict[str, dict[str, Any]] = {
    "gru": {
        "encoder.embedding_dim": 32, "encoder.hidden_dim": 32, "decoder.embedding_dim": 32,
        "decoder.hidden_dim": 64,
    },
    "rnn-attention": {
        "encoder.embedding_dim": 32, "encoder.hidden_dim": 32, "decoder.embedding_dim": 32,
        "decoder.hidden_dim": 32, "decoder.attention_dim": 32,
    },
    "conv": {
        "encoder.embedding_dim": 32, "decoder.embedding_dim": 32, "decoder.hidden_dim": 32,
        "training.warmup": 0.1,
    },
    "transformer": {
        "encoder.embedding_dim": 32, "encoder.num_layers": 1, "encoder.feedforward_dim": 64,
        "decoder.embedding_dim": 32, "decoder.num_layers": 1, "decoder.feedforward_dim": 64,
        "training.learning_rate": 0.004, "training.average": "none", "training.warmup": 50,
    },
}  # fmt: skip
NO_DROPOUT = {
    "transformer": ("encoder.input_dropout", "encoder.dropout", "decoder.input_dropout", "decoder.dropout"),
    "conv": ("encoder.embedding_dropout", "encoder.dropout", "decoder.input_dropout", "decoder.dropout"),
    "rnn": ("encoder.embedding_dropout", "encoder.dropout", "decoder.dropout"),
}
LETTERS = "abcd"
ALPHA = Translate.Config.length_penalty
UNSEEN = 60  # strings that toys are tested on


def words(number: int, longest: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(LETTERS, k=draw.randint(1, longest))) for _ in range(number)]


def small(rung: str, **more: Any) -> Translator:
    dropouts = NO_DROPOUT[rung if rung in NO_DROPOUT else "rnn"]
    values = TINY[rung] | dict.fromkeys(dropouts, 0.0) | {
        "task.metric": "exact_match", "task.label_smoothing": 0.0, "training.batch_texts": 32,
        "training.precision": "float32", "training.min_steps": 0, "training.patience": 0,
    }  # fmt: skip
    given = {key.replace("__", "."): value for key, value in more.items()}
    return Translator(rung, units="character", settings=values | given, dev_share=0.05, device="cpu")


def other_strings(letters: str, longest: int, number: int) -> tuple[list[str], list[str]]:
    """So many different strings to train on, and others to be tested on."""
    draw, found = random.Random(1), set[str]()
    while len(found) < number + UNSEEN:
        found.add("".join(draw.choices(letters, k=draw.randint(1, longest))))
    listed = sorted(found)
    draw.shuffle(listed)
    return listed[:number], listed[number:]


def learned(rung: str, toy: str, strings: tuple[list[str], list[str]], epochs: int, **more: Any) -> float:
    """The share of the other strings that come out right."""
    (known, others), change = strings, TOYS[toy]
    given = {"training__learning_rate": 0.005, "training__schedule": "cosine", "training__epochs": epochs}
    made = small(rung, **given, **more).fit(known, [change(text) for text in known])
    return made.score(others, [change(text) for text in others])


@pytest.mark.parametrize(
    ("rung", "toy"),
    [("rnn-attention", "reverse"), ("conv", "reverse"), ("gru", "copy"), ("transformer", "sort")],
)
def test_toys_are_learned_by_heart(rung: str, toy: str) -> None:
    """Every text of up to three letters, all of which it was taught: 1.0, and not nearly."""
    texts = ["".join(chosen) for size in (1, 2, 3) for chosen in itertools.product("abcd", repeat=size)]
    wanted = [TOYS[toy](text) for text in texts]
    made = small(rung, training__learning_rate=0.004, training__schedule="cosine", training__epochs=160)
    made.set_params(dev_share=0.0).fit(texts, wanted)
    assert made.score(texts, wanted) == 1.0


@pytest.mark.parametrize(
    ("rung", "toy"), [("rnn-attention", "sort"), ("conv", "copy"), ("transformer", "reverse")]
)
def test_toys_are_learned_for_other_strings(rung: str, toy: str) -> None:
    """After the least training that shows it."""
    assert learned(rung, toy, other_strings("abcdef", 4, 800), 14) > 0.8


WIDER = ("encoder.embedding_dim", "decoder.embedding_dim", "encoder.hidden_dim", "decoder.hidden_dim")


@pytest.mark.quality  # a minute each
@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("rung", ["rnn-attention", "conv", "transformer"])
def test_toys_of_ten_digits_are_learned_for_other_strings(rung: str, toy: str) -> None:
    wide = {name.replace(".", "__"): 64 for name in WIDER if name in TINY[rung]}
    assert learned(rung, toy, other_strings("0123456789", 6, 5000), 20, **wide) > 0.95


def half_taught(rung: str) -> Translator:
    """One that has learned a little: its searches have something to choose from."""
    texts = words(300, 4)
    # With its own warm-up the Transformer would have learned too little to end a text.
    given = {"training__warmup": 10} if rung == "transformer" else {}
    return small(rung, training__epochs=3, **given).fit(texts, [text[::-1] for text in texts])


@pytest.fixture(scope="module", params=TINY)
def half(request: Any) -> Translator:
    return half_taught(request.param)


def nats_of(made: Translator, source: str, target: str) -> np.ndarray:
    return made.log_probabilities([source], [target])[0]


def finished(found: list[Translation]) -> list[Translation]:
    """Those that have an end, as given translations have: without any a test would show nothing."""
    kept = [one for one in found if one.finished]
    assert kept, "none has ended"
    return kept


def test_scores_of_a_search_are_those_of_forced_decoding(half: Translator) -> None:
    for source in ("abc", "dcb", "a"):
        for one in finished(half.translate(source, beam=4, n_best=4)):
            nats = nats_of(half, source, one.text)
            assert len(nats) == one.units
            assert one.log_probability == pytest.approx(float(nats.sum()), abs=1e-4)
            assert one.score == pytest.approx(one.log_probability / length_norm(one.units, ALPHA), abs=1e-4)


def test_a_full_beam_finds_all_translations(half: Translator) -> None:
    """Of up to two of three letters, each with its score, and the best first."""
    model, task = half.model_, translating.task_of(half.model_)
    allowed = [model.tokenizer.vocabulary.index(letter) for letter in "abc"]
    banned = [unit for unit in range(len(SPECIAL), len(model.tokenizer)) if unit not in allowed]
    options = SearchConfig(length=3, beam=100, n=100, length_penalty=0.6)
    with model.predicting():
        source = Tokens.of(model.rows(["bca"]).columns["text"])
        (found,) = task.search(model.encoder, source, options, banned)
    texts = ["".join(chosen) for size in range(3) for chosen in itertools.product("abc", repeat=size)]
    ended = {task.spell(one.ids): one.score for one in found if one.finished}
    assert set(ended) == set(texts), "a beam so wide gives up nothing"
    for text in texts:
        nats = nats_of(half, "bca", text)
        assert ended[text] == pytest.approx(float(nats.sum()) / length_norm(len(nats), 0.6), abs=1e-4)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == len(texts) + 3**3, "and what is cut at three letters"


def test_one_by_one_is_as_all_together(half: Translator) -> None:
    texts = [*words(40, 6, seed=9), "", "a"]
    together = translating.translate(half.model_, texts)
    alone = [translating.translate(half.model_, [text])[0] for text in texts]
    assert [one[0].text for one in together] == [one[0].text for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert one[0].log_probability == pytest.approx(other[0].log_probability, abs=1e-4)
    assert half.predict(texts) == [one[0].text for one in together]


def test_a_beam_of_one_takes_the_most_probable_unit_each_time(half: Translator) -> None:
    """Beside a loop in which the decoder reads all that it has written again for each unit."""
    model, task = half.model_, translating.task_of(half.model_)
    some = words(12, 4, seed=3)
    written = set()
    for text in some:
        source = Tokens.of(model.rows([text]).columns["text"])
        ids, nats = [BEGIN], 0.0
        with model.predicting(), torch.no_grad():
            memory, longest = model.encoder(source), int(task.longest(source.lengths)[0])
            while ids[-1] != END and len(ids) <= longest:
                said = task.said(memory, source, Tokens.of_rows([ids]))
                log_probs = task.log_probs(said[-1:])[0]
                log_probs[list(NEVER)] = -math.inf
                ids.append(int(log_probs.argmax()))
                nats += float(log_probs[ids[-1]])
        (greedy,) = half.translate(text, beam=1)
        assert (greedy.text, greedy.units) == (task.spell(ids[1:]), len(ids) - 1)
        assert greedy.finished == (ids[-1] == END)
        assert greedy.log_probability == pytest.approx(nats, abs=1e-3)
        written.add(greedy.text)
    assert len(written) > 1, "it says too little for this test"


def test_alignments_name_words_of_both_texts(half: Translator) -> None:
    if half.rung == "gru":
        with pytest.raises(Problem, match="no attention"):
            half.translate("ab cd", alignment=True)
        return
    (one,) = half.translate("ab cd", alignment=True)
    assert one.alignment is not None
    sources, targets = len(["ab", "cd"]), len(one.text.split())
    assert [target for _, target in one.alignment] == list(range(targets))
    assert all(0 <= source < sources for source, _ in one.alignment)


def test_words_are_what_stands_between_white_space() -> None:
    spans = [(0, 2), (2, 3), (3, 5), (5, 6), (6, 6), (7, 9)]
    assert translating._words("ab  cd e ", spans).tolist() == [0, 0, 1, 1, 1, 2]


def test_what_was_learned_can_be_saved_and_loaded(half: Translator, tmp_path: Path) -> None:
    half.save(tmp_path / "model")
    texts = words(10, 5, seed=2)
    assert Translator.load(tmp_path / "model").predict(texts) == half.predict(texts)


def test_wrong_calls(half: Translator) -> None:
    with pytest.raises(ValueError, match="one text"):
        half.predict("abc")
    with pytest.raises(Problem, match="beam"):
        half.translate("abc", beam=0)
    with pytest.raises(Problem, match="no 3 texts"):
        half.translate("abc", beam=2, n_best=3)
    with pytest.raises(Problem, match="3 texts, but 1 second texts"):
        Translator().fit(["a", "b", "c"], ["a"])
    for call in (half.log_probabilities, half.score, *([half.align] if half.rung != "gru" else [])):
        with pytest.raises(Problem, match="3 texts, but 1 translations"):
            call(["a", "b", "c"], ["a"])


def test_subwords_are_learned_from_both_sides() -> None:
    made = small("gru", training__epochs=1, tokenizer__vocabulary_size=300)
    made.set_params(units="bpe").fit(["dog dog"] * 20, ["Hund Hund"] * 20)
    assert [len(made.model_.tokenizer.encode_one(word)) for word in ("dog", "Hund", "god")] == [1, 1, 3]


def test_targets_that_are_cut_have_no_end_and_are_counted() -> None:
    texts = ["abcdabca", "ab"]
    made = small("rnn-attention", training__epochs=1).fit(words(60, 3), words(60, 3))
    task, tokenizer = translating.task_of(made.model_), made.model_.tokenizer
    from dataclasses import replace

    from textladder.ragged import Pairs

    tokenizer.config = replace(tokenizer.config, max_length=4)
    rows = task.rows(Pairs.of_strings(texts, texts), tokenizer)
    assert rows.columns["label"].lengths.tolist() == [4, 3]
    assert rows.columns["label"][0][-1] != END
    assert rows.columns["label"][1][-1] == END
    assert (rows.cut.texts_cut, rows.cut.units_cut) == (2, 9)
    assert math.isclose(rows.cut.total, 4)
