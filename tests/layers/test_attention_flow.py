"""Attention flow against the equations of the paper, worked out unit by unit."""

from __future__ import annotations

import numpy as np
import torch

from textladder.layers.attention_flow import AttentionFlow

DIM = 5


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def by_the_paper(layer, h, u):
    """[T, 4D] of one passage [T, D] and question [J, D], equations 1 to 4 with one weight vector w."""
    w = torch.cat([layer.passage.weight[0], layer.question.weight[0], layer.both]).detach().numpy()
    similar = np.array([[w @ np.concatenate([a, b, a * b]) for b in u] for a in h])
    h_tilde = sum(share * a for share, a in zip(softmax(similar.max(1)), h, strict=True))
    rows = []
    for a, row in zip(h, similar, strict=True):
        u_tilde = sum(share * b for share, b in zip(softmax(row), u, strict=True))
        rows.append(np.concatenate([a, u_tilde, a * u_tilde, a * h_tilde]))
    return np.array(rows)


def padded(texts):
    width = max(1, *(len(text) for text in texts))
    states, mask = torch.zeros(len(texts), width, DIM), torch.zeros(len(texts), width, dtype=torch.bool)
    for row, text in enumerate(texts):
        states[row, : len(text)], mask[row, : len(text)] = torch.from_numpy(text), True
    return states, mask


def test_each_text_of_a_batch_gets_what_the_paper_says():
    torch.manual_seed(0)
    draw, layer = np.random.default_rng(0), AttentionFlow(DIM)
    passages = [draw.normal(size=(size, DIM)).astype(np.float32) for size in (7, 3, 1, 5)]
    questions = [draw.normal(size=(size, DIM)).astype(np.float32) for size in (2, 6, 4, 1)]
    (h, known), (u, asked) = padded(passages), padded(questions)
    found = layer(h, u, known, asked).detach().numpy()
    for row, (passage, question) in enumerate(zip(passages, questions, strict=True)):
        wanted = by_the_paper(layer, passage, question)
        np.testing.assert_allclose(found[row, : len(passage)], wanted, rtol=1e-4, atol=1e-5)


def test_texts_without_units_give_zeros_and_no_nan():
    torch.manual_seed(0)
    layer = AttentionFlow(DIM)
    some = np.ones((3, DIM), np.float32)
    nothing = np.zeros((0, DIM), np.float32)
    (h, known), (u, asked) = padded([some, nothing, nothing]), padded([nothing, some, nothing])
    h.requires_grad_()
    found = layer(h, u, known, asked)
    assert torch.isfinite(found).all()
    assert torch.equal(found[0, :, DIM : 3 * DIM], torch.zeros(3, 2 * DIM))  # nothing was asked
    assert not found[2].any()
    found.sum().backward()
    assert torch.isfinite(h.grad).all()
