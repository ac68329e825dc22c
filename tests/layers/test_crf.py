"""The CRF against brute force over all paths, and its constraints on random input."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from textladder.layers.crf import CRF, _torch_loss
from textladder.text.schemes import TagSet

SCHEMES = (None, "BIO", "IOB1", "BIOES")


def crf_of(scheme, labels=2, seed=0, spread=1.0):
    torch.manual_seed(seed)
    crf = CRF(*TagSet([f"l{n}" for n in range(labels)], scheme).legal())
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(spread * torch.randn_like(parameter))
    return crf


def legal_paths(crf, length):
    follows, starts, ends = (part.numpy() for part in (crf.follows, crf.starts, crf.ends))
    for path in itertools.product(range(len(starts)), repeat=length):
        inside = all(follows[a, b] for a, b in itertools.pairwise(path))
        if inside and starts[path[0]] and ends[path[-1]]:
            yield path


def score_of(crf, emissions, path):
    score = crf.start[path[0]] + crf.end[path[-1]] + sum(emissions[t, tag] for t, tag in enumerate(path))
    return float(score + sum(crf.transitions[a, b] for a, b in itertools.pairwise(path)))


def brute(crf, emissions):
    """(paths, their probabilities, log Z), the best path first."""
    with torch.no_grad():
        paths = list(legal_paths(crf, len(emissions)))
        scores = np.array([score_of(crf, emissions.double(), path) for path in paths])
    order = np.argsort(-scores, kind="stable")
    log_z = scores.max() + math.log(np.exp(scores - scores.max()).sum())
    return [paths[n] for n in order], np.exp(scores - log_z)[order], log_z


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("spread", [1.0, 60.0], ids=["usual", "extreme"])
def test_everything_equals_brute_force(scheme, spread):
    crf = crf_of(scheme)
    lengths = [3, 1, 0, 4, 2]
    offsets = torch.tensor([0, *itertools.accumulate(lengths)])
    emissions = spread * torch.randn(sum(lengths), len(crf.start))
    marginals, tags = crf.marginals(emissions, offsets), crf.decode(emissions, offsets)
    gold, expected = torch.zeros(len(emissions), dtype=torch.int64), 0.0
    for begin, end in itertools.pairwise(offsets.tolist()):
        if begin == end:
            continue
        part = emissions[begin:end]
        paths, shares, log_z = brute(crf, part)
        assert tuple(tags[begin:end]) == paths[0]
        found, sure = crf.n_best(part, 5)
        assert [tuple(path) for path in found] == paths[:5]
        assert sure == pytest.approx(shares[:5], rel=1e-4, abs=1e-6)
        wanted = np.zeros(part.shape)
        for path, share in zip(paths, shares, strict=True):
            wanted[np.arange(len(path)), path] += share
        assert marginals[begin:end] == pytest.approx(wanted, abs=2e-5)
        chosen = paths[len(paths) // 2]
        gold[begin:end] = torch.tensor(chosen)
        with torch.no_grad():
            expected += log_z - score_of(crf, part.double(), chosen)
    assert crf.loss(emissions, offsets, gold).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("spread", [1.0, 40.0], ids=["usual", "extreme"])
def test_the_gradient_is_that_of_torch(scheme, spread):
    crf = crf_of(scheme, labels=3)
    offsets = torch.tensor([0, 5, 5, 6, 13])
    emissions = (spread * torch.randn(13, len(crf.start))).requires_grad_()
    tags = torch.from_numpy(crf.decode(torch.randn(13, len(crf.start)), offsets))
    crf.loss(emissions, offsets, tags).mul(3).backward()
    mine = [emissions.grad.clone(), *(p.grad.clone() for p in crf.parameters())]
    # Of torch in float64, so that what differs is not its rounding.
    exact = crf_of(scheme, labels=3).double()
    exact.load_state_dict(crf.state_dict())
    parts = [part.double() for part in exact.scores()]
    doubled = emissions.detach().double().requires_grad_()
    _torch_loss(doubled, *parts, offsets, tags).mul(3).backward()
    theirs = [doubled.grad, *(p.grad for p in exact.parameters())]
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=2e-4)
    assert not crf.transitions.grad[~crf.follows].any(), "what is forbidden learns nothing"


def test_fewer_paths_than_asked_for():
    crf = crf_of("BIO", labels=1)
    tags, shares = crf.n_best(torch.randn(2, 3), 50)
    assert len(tags) == len(list(legal_paths(crf, 2))) == 5
    assert shares.sum() == pytest.approx(1, abs=1e-5)


def test_nothing_is_no_loss_and_no_tag():
    crf = crf_of("BIO")
    for offsets in (torch.tensor([0]), torch.tensor([0, 0, 0])):
        empty = torch.zeros(0, 5, requires_grad=True)
        loss = crf.loss(empty, offsets, torch.zeros(0, dtype=torch.int64))
        loss.backward()
        assert loss.item() == 0
        assert len(crf.decode(empty, offsets)) == 0
        assert crf.marginals(empty, offsets).shape == (0, 5)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["BIO", "IOB1", "BIOES"]),
    st.lists(st.integers(0, 12), min_size=1, max_size=5),
    st.integers(0, 2**31),
    st.sampled_from([0.1, 3.0, 1e4]),
)
def test_no_input_makes_an_illegal_path(scheme, lengths, seed, spread):
    crf = crf_of(scheme, labels=3, seed=seed, spread=spread)
    offsets = torch.tensor([0, *itertools.accumulate(lengths)])
    emissions = spread * torch.randn(sum(lengths), len(crf.start))
    tags, marginals = crf.decode(emissions, offsets), crf.marginals(emissions, offsets)
    assert np.isfinite(marginals).all()
    for begin, end in itertools.pairwise(offsets.tolist()):
        if begin < end:
            best, _ = crf.n_best(emissions[begin:end], 4)
            assert len(best)
            for path in [tags[begin:end].tolist(), *best.tolist()]:
                assert crf.starts[path[0]]
                assert crf.ends[path[-1]]
                assert all(crf.follows[a, b] for a, b in itertools.pairwise(path))
            assert marginals[begin, ~crf.starts.numpy()].max(initial=0) == 0
            assert marginals[begin:end].sum(1) == pytest.approx(1, abs=1e-3)
