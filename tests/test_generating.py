"""Text in, text out: prompts, pieces, labels, stops, and what a model gives for what it wrote."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from textladder import recipe
from textladder.batch import Batch, Tokens
from textladder.counted import CountedModel
from textladder.errors import Problem
from textladder.generating import Writing, generate, next_units, read_prompt, write
from textladder.model import Model
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.model import NgramModel
from textladder.search import SearchConfig, State
from textladder.tasks.judging import Judging
from textladder.text.spelling import Spelling
from textladder.text.tokenizing import BEGIN, END, SPECIAL, UNKNOWN, Tokenizer

TEXTS = [
    "To be, or not to be: that is the question.",
    "Whether 'tis nobler in the mind to suffer\nThe slings and arrows of outrageous fortune,",
    "Größe, naïve café, 東京 and the slings of the mind.",
] * 3
KINDS = ("word", "character", "byte", "bpe", "unigram")


@cache
def gpt(units: str, labels: tuple[str, ...] = ()) -> Model:
    """A small GPT with random weights: it writes anything."""
    sizes = {"embedding_dim": 16, "feedforward_dim": 32, "num_layers": 2, "num_heads": 2}
    values = {f"encoder.{name}": value for name, value in sizes.items()}
    values |= {"tokenizer.units": units, "tokenizer.max_length": 48, "encoder.max_length": 48}
    values |= {"tokenizer.min_count": 1, "tokenizer.vocabulary_size": 400}
    chosen = recipe.rung("gpt", "language").with_values(values)
    tokenizer = Tokenizer.fit([TEXTS], chosen.tokenizer)
    known = {"units": len(tokenizer), "labels": list(labels), "spelling": spelling_of(tokenizer)}
    torch.manual_seed(0)
    model = Model(chosen, tokenizer, known).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2)  # so that some units are more probable than others
    return model


def spelling_of(tokenizer: Tokenizer) -> dict[str, object]:
    from textladder.text.tokenizing import to_bytes

    return Spelling.learn([to_bytes(TEXTS)], tokenizer).to_dict()


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> CountedModel:
    """Trigrams of characters, of texts with two labels."""
    names = {"Czech": ["novak", "novotny", "kucera"] * 5, "Irish": ["obrien", "okeefe", "odwyer"] * 5}
    chosen = recipe.rung("ngram", "language").with_values({"tokenizer.units": "character"})
    tokenizer = Tokenizer.fit([[name for some in names.values() for name in some]], chosen.tokenizer)
    known = {"units": len(tokenizer), "labels": list(names), "spelling": {}}
    units = Judging.units(tokenizer.vocabulary, known)
    texts = [
        np.array([len(tokenizer) + number, *tokenizer.encode_one(name), END], np.int32)
        for number, some in enumerate(names.values())
        for name in some
    ]
    config = NgramConfig(order=3, estimator="add-k", k=1e-4)
    folder = tmp_path_factory.mktemp("counted")
    ngrams = NgramModel.fit(texts, units, config, folder, None, len(names))
    return CountedModel(chosen, tokenizer, known, ngrams)


@pytest.mark.parametrize("units", KINDS)
def test_pieces_are_the_text_that_is_written(units: str) -> None:
    options = SearchConfig(length=60, seed=4, temperature=1.3)
    pieces = list(generate(gpt(units), "To be", options=options))
    ((text,),) = write(gpt(units), ["To be"], options=options)
    assert "".join(pieces) == text.text
    assert len(pieces) > 5
    assert all(pieces)


@pytest.mark.parametrize("units", KINDS)
def test_what_is_written_reads_as_it_was_meant(units: str) -> None:
    """The log-probability is that which the model gives to the units, read at once with the prompt."""
    model = gpt(units)
    options = SearchConfig(length=20, n=3, seed=1, top_k=30, repetition_penalty=1.2)
    writing = Writing(model, [read_prompt(model, "The mind")], options)
    told: list[list[int]] = [[], [], []]
    for row, ids in zip(writing._rows, told, strict=True):
        row.add = tap(row.add, ids)  # type: ignore[method-assign]
    for _ in writing:
        pass
    (texts,) = writing.texts()
    prompt = list(read_prompt(model, "The mind").ids)
    for text, ids in zip(texts, told, strict=True):
        written = ids[: text.units]
        assert text.log_probability == pytest.approx(nats_of(model, prompt, written), abs=1e-3)
        assert text.finished == (written[-1] == END)
        assert not {0, UNKNOWN, BEGIN} & set(written)


def tap(inner, told: list[int]):  # type: ignore[no-untyped-def]
    def add(unit: int) -> bool:
        told.append(unit)
        return inner(unit)

    return add


def nats_of(model: Model, prompt: list[int], ids: list[int]) -> float:
    """From one forward pass over all of them."""
    flat = torch.tensor([*prompt, *ids][:-1])
    tokens = Tokens(flat, torch.tensor([0, len(flat)]), len(flat))
    target = torch.tensor([-100] * (len(prompt) - 1) + ids)
    return -float(model.task.predict(model.encoder, Batch((tokens,), target, 1)).sum())


def test_prompts_side_by_side_write_what_they_write_alone() -> None:
    """Of one length or of several, and beyond the positions of the model."""
    prompts = ["To be", "or no", "Whether", "", "the question" * 6]
    options = SearchConfig(length=30, n=2, seed=3)
    model = gpt("character")
    together = write(model, prompts, options=options)
    for prompt, texts in zip(prompts, together, strict=True):
        (alone,) = write(model, [prompt], options=options)
        assert [text.text for text in texts] == [text.text for text in alone]


def test_an_empty_prompt_is_the_beginning_of_text(counted: CountedModel) -> None:
    assert read_prompt(gpt("word")).ids == (BEGIN,)
    assert read_prompt(gpt("word"), " \n").ids == (BEGIN,)
    assert "".join(generate(counted, label="Irish", options=SearchConfig(temperature=0, length=1))) == "o"


def test_a_label_says_what_is_written(counted: CountedModel) -> None:
    options = SearchConfig(length=20, n=40, seed=0, top_p=0.9)
    firsts = {
        label: {text.text[:1] for text in write(counted, [""], options=options, label=label)[0]}
        for label in ("Czech", "Irish")
    }
    assert firsts == {"Czech": {"n", "k"}, "Irish": {"o"}}


def test_texts_end_where_the_model_ends_them(counted: CountedModel) -> None:
    (texts,) = write(counted, [""], options=SearchConfig(length=50, n=20, seed=0, min_p=0.2), label="Czech")
    assert all(text.finished for text in texts)
    assert all(text.units == len(text.text) + 1 for text in texts)
    long = SearchConfig(length=30, seed=0, ignore_end=True)
    ((text,),) = write(counted, [""], options=long, label="Czech")
    assert (text.units, text.finished) == (30, False)


def test_labels_that_cannot_be(counted: CountedModel) -> None:
    with pytest.raises(Problem, match="no label 'Czehc'") as refused:
        read_prompt(counted, label="Czehc")
    assert "Did you mean Czech" in refused.value.next_step
    with pytest.raises(Problem, match="none is given") as refused:
        read_prompt(counted)
    assert "Czech, Irish" in refused.value.next_step
    with pytest.raises(Problem, match="without labels"):
        read_prompt(gpt("word"), label="Czech")


def test_a_classifier_writes_nothing(trained: Path) -> None:
    with pytest.raises(Problem, match="writes no text") as refused:
        next(generate(Model.load(trained), "A film"))
    assert "textladder predict" in refused.value.next_step


def test_units_never_seen_are_told_once_each() -> None:
    prompt = read_prompt(gpt("word"), "To xyzzy be Übung xyzzy")
    assert prompt.unknown == ("xyzzy", "Übung")
    assert [unit == UNKNOWN for unit in prompt.ids[1:]] == [False, True, False, True, True]
    assert read_prompt(gpt("byte"), "xyzzy Ж").unknown == ()


def test_words_stand_apart_from_the_prompt() -> None:
    options = SearchConfig(length=5, seed=0)
    one = "".join(generate(gpt("word"), "To be or not to", options=options))
    other = "".join(generate(gpt("word"), "To be or not to ", options=options))
    assert one.lstrip() == other
    assert not other[0].isspace()


@pytest.mark.parametrize("units", ["byte", "character"])
def test_stops_cut_the_text(units: str) -> None:
    model, options = gpt(units), SearchConfig(length=200, seed=2, ignore_end=True)
    whole = "".join(generate(model, "To be", options=options))
    stop = whole[50:53]
    assert "".join(generate(model, "To be", options=options, stop=[stop])) == whole[: whole.index(stop)]
    ((text,),) = write(model, ["To be"], options=options, stop=["not there", stop])
    assert text.text == whole[: whole.index(stop)]
    assert text.finished
    with pytest.raises(Problem, match="empty"):
        generate(model, "To be", stop=["\n", ""])


def test_a_beam_writes_what_is_more_probable() -> None:
    model = gpt("word")
    ((greedy,),) = write(model, ["To be"], options=SearchConfig(length=6, temperature=0, ignore_end=True))
    options = SearchConfig(length=6, beam=12, n=3, length_penalty=0.0, ignore_end=True)
    (found,) = write(model, ["To be"], options=options)
    nats = [text.log_probability for text in found]
    assert nats == sorted(nats, reverse=True)
    assert nats[0] >= greedy.log_probability - 1e-5
    assert len({text.text for text in found}) == 3
    assert "".join(generate(model, "To be", options=SearchConfig(length=6, beam=12, ignore_end=True)))


def test_groups_of_a_beam_write_different_texts() -> None:
    options = SearchConfig(length=6, beam=4, groups=4, diversity=1e6, n=4, ignore_end=True)
    (texts,) = write(gpt("character"), ["To be"], options=options)
    assert len({text.text[0] for text in texts}) == 4


def test_a_beam_stops_at_stops(counted: CountedModel) -> None:
    options = SearchConfig(length=12, beam=5, n=5, length_penalty=0.0)
    (found,) = write(counted, ["n"], options=options, label="Czech", stop=["v"])
    assert {text.text for text in found if text.finished} >= {"o"}
    assert not any("v" in text.text for text in found)


def test_the_same_seed_writes_the_same_text() -> None:
    model = gpt("bpe")
    texts = {seed: "".join(generate(model, options=SearchConfig(length=40, seed=seed))) for seed in (1, 2)}
    assert texts[1] != texts[2]
    assert "".join(generate(model, options=SearchConfig(length=40, seed=1))) == texts[1]
    writing = Writing(model, [read_prompt(model)], SearchConfig(length=40))
    text = "".join(piece for (piece,) in writing)
    again = SearchConfig(length=40, seed=writing.options.seed)
    assert "".join(generate(model, options=again)) == text


def test_what_was_written_is_there_when_it_is_stopped_half_way() -> None:
    writing = Writing(gpt("byte"), [read_prompt(gpt("byte"))], SearchConfig(length=50, seed=1, n=2))
    said = ["", ""]
    for number, pieces in enumerate(writing, start=1):
        said = [text + piece for text, piece in zip(said, pieces, strict=True)]
        if number == 10:
            break
    said = [text + piece for text, piece in zip(said, writing.close(), strict=True)]
    (texts,) = writing.texts()
    assert [text.text for text in texts] == said
    assert [(text.units, text.finished) for text in texts] == [(10, False)] * 2


def test_a_beam_that_is_interrupted_gives_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    model, steps = gpt("character"), 0
    stepper = model.stepper()

    def stops(last: Tensor, state: State) -> tuple[Tensor, State]:
        nonlocal steps
        steps += 1
        if steps == 7:
            raise KeyboardInterrupt
        return stepper[0](last, state)

    monkeypatch.setattr(model, "stepper", lambda: (stops, stepper[1]))
    wide = {"beam": 4, "n": 3, "ignore_end": True}
    writing = Writing(model, [read_prompt(model)], SearchConfig(length=40, **wide))
    with pytest.raises(KeyboardInterrupt):
        list(writing)
    steps = 10
    assert writing.texts() == write(model, [""], options=SearchConfig(length=6, **wide))
    assert [(text.units, text.finished) for text in writing.texts()[0]] == [(6, False)] * 3


def test_the_caller_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pieces too, also where a model is asked with one thread."""
    model, threads = gpt("word"), torch.get_num_threads()
    monkeypatch.setattr(model.encoder, "threads_pay", False)
    torch.set_num_threads(2)
    try:
        pieces = generate(model, "To be", options=SearchConfig(length=3, ignore_end=True))
        for _ in pieces:
            assert not torch.is_inference_mode_enabled()
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("units", KINDS)
def test_next_units_are_those_that_a_text_goes_on_with(units: str) -> None:
    model = gpt(units)
    found = next_units(model, "To be", top=5)
    assert len(found) == 5
    shares = [share for _, share in found]
    assert shares == sorted(shares, reverse=True)
    ((text,),) = write(model, ["To be"], options=SearchConfig(length=1, temperature=0))
    (unit, share), *_ = [one for one in found if one[0] != SPECIAL[UNKNOWN]]
    assert share == pytest.approx(math.exp(text.log_probability), rel=1e-4)
    if text.finished:
        assert unit == SPECIAL[END]
    elif "\ufffd" not in text.text:
        assert unit == text.text
    every = next_units(model, "To be", top=10_000)
    assert sum(share for _, share in every) == pytest.approx(1, abs=0.05)  # <pad> and <s> have the rest


def test_next_units_know_bytes_that_are_no_character() -> None:
    names = [name for name, _ in next_units(gpt("byte"), "", top=300)]
    assert len(names) == len(set(names)) == 258
    assert {"a", " ", "<0xC3>", "<unk>", "</s>"} <= set(names)


def test_next_units_of_a_label(counted: CountedModel) -> None:
    assert next_units(counted, "", top=1, label="Irish")[0][0] == "o"
    assert next_units(counted, "novak", top=1, label="Czech")[0][0] == "</s>"
