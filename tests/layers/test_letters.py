"""What letters say of a unit: padding changes nothing, unknown words differ, known ones need no letters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from textladder.batch import Tokens
from textladder.encoders import encoder_class
from textladder.layers import letter_kernels
from textladder.layers.letters import AFFIXES, ROWS, Highway, Letters, affix_rows
from textladder.letters import spelled

VOCABULARY = ["<pad>", "<unk>", "Paris", "Berlin", "walking", "a"]
KINDS = ["cnn", "highway", "lstm", "affixes", "both"]


def letters_of(kind):
    torch.manual_seed(0)
    return Letters(kind, 12, VOCABULARY).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_more_padding_changes_nothing(kind):
    letters, rows = letters_of(kind), torch.from_numpy(spelled(["Oslo", "a", "singing"]))
    torch.testing.assert_close(letters.of(rows[:, :9]), letters.of(rows))
    torch.testing.assert_close(letters.of(rows[1:2, :3]), letters.of(rows[1:2]))


@pytest.mark.parametrize("kind", KINDS)
def test_no_letters_say_nothing(kind):
    letters = letters_of(kind)
    assert not letters.of(torch.zeros(2, 20, dtype=torch.uint8)).any()
    assert not letters(Tokens.of_rows([[0, 1]])).any(), "<pad> and <unk> are no words"
    assert letters.of(torch.zeros(0, 20, dtype=torch.uint8)).shape == (0, 12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_is_spelled_where_a_batch_brings_no_letters(kind):
    letters = letters_of(kind)
    by_id = letters(Tokens.of_rows([[2, 3], [4]]))
    given = letters.of(torch.from_numpy(spelled(["Paris", "Berlin", "walking"])))
    torch.testing.assert_close(by_id, given)


def test_affixes_and_shapes_are_shared_by_words_that_have_them():
    affixes = letters_of("affixes").parts[0]
    seen = []
    affixes.table.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    affixes(torch.from_numpy(spelled(["walking", "talking", "Paris", "Berlin", "1999"])))
    walking, talking, paris, berlin, year = seen[0].tolist()
    assert [a == b for a, b in zip(walking, talking, strict=True)] == [False] * 4 + [True] * 4 + [True]
    assert paris[-1] == berlin[-1]
    assert len({paris[-1], walking[-1], year[-1]}) == 3


@pytest.mark.parametrize("name", ["window", "rescnn", "lstm", "gru", "attention"])
def test_two_unknown_words_are_told_apart_by_their_letters(name):
    kind = encoder_class(name)
    torch.manual_seed(0)
    encoder = kind(replace(kind.Config(), letters="both"), VOCABULARY).eval()
    tokens = Tokens.of_rows([[1], [1], [1]])
    tokens = replace(tokens, letters=torch.from_numpy(spelled(["Oslo", "running", "Oslo"])))
    with torch.no_grad():
        states = encoder(tokens).states[:, 0]
        plain = encoder(replace(tokens, letters=None)).states[:, 0]
    assert torch.equal(states[0], states[2])
    assert not torch.allclose(states[0], states[1])
    torch.testing.assert_close(plain[0], plain[1])


def words(count):
    generator = np.random.default_rng(0)
    return ["".join(generator.choice(list("aAbé1-"), generator.integers(1, 22))) for _ in range(count)]


@pytest.mark.parametrize("kind", ["cnn", "highway"])
def test_sums_of_rows_are_the_convolution(kind):
    """Values and gradients, beside torch's convolution and its largest value."""
    cnn, rows = letters_of(kind).parts[0], torch.from_numpy(spelled(["", *words(40), "a"]))
    found = {}
    for way in (cnn._summed, cnn._convolved):
        cnn.zero_grad()
        value = way(rows)[1:]
        (value * torch.linspace(-1, 1, value.numel()).view_as(value)).sum().backward()
        learned = [cnn.embedding.weight, *cnn.convolutions.parameters()]
        parts = [parameter.grad for parameter in learned]
        found[way.__name__] = (value.detach(), *(part.clone() for part in parts))
    for ours, theirs in zip(*found.values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert not found["_summed"][1][0].any(), "padding learns nothing"


def test_each_spelling_is_looked_at_once():
    rows = spelled(words(300) * 2 + [""])
    firsts, numbers = letter_kernels.distinct(rows)
    wanted = np.unique(rows, axis=0)
    assert len(firsts) == len(wanted)
    assert np.array_equal(rows[firsts][numbers], rows)
    assert (np.diff(firsts) > 0).all()


def test_affixes_are_the_same_on_every_device():
    rows = torch.from_numpy(spelled(["", "a", *words(200)]))
    assert torch.equal(
        torch.from_numpy(letter_kernels.affixes(rows.numpy(), AFFIXES, ROWS)), affix_rows(rows)
    )


def test_a_highway_is_the_paper_s():
    torch.manual_seed(0)
    layer, x = Highway(6), torch.randn(5, 6)
    a, b = layer.both.weight.chunk(2)
    gate = torch.sigmoid(x @ b.T - 2)
    wanted = gate * (x @ a.T + layer.both.bias[:6]).relu() + (1 - gate) * x
    torch.testing.assert_close(layer(x), wanted)


def test_letters_are_read_from_both_ends():
    """The last states of torch's LSTM over the letters of one word, and over them back to front."""
    part = letters_of("lstm").parts[0]
    rows = torch.from_numpy(spelled(["Oslo", "a"]))
    letters = part.embedding(rows[0][rows[0] != 0].int())[None]
    ends = []
    for net, start, x in zip(part.layer.nets, part.layer.initial, (letters, letters.flip(1)), strict=True):
        ends.append(net(x, tuple(start[:, None].contiguous()))[0][:, -1])
    torch.testing.assert_close(part(rows)[:1], part.output(torch.cat(ends, -1)))
