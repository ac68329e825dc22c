"""Weighted counts against scikit-learn, poolings, the net after them."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from textladder.batch import Ragged, Tokens
from textladder.encoders.bow import Bow
from textladder.errors import Problem

LINES = ["a b a c", "b", "", "c c c d", "a b d a b", "e a"]
WORDS = ["a", "b", "c", "d", "e"]
LABELS = [0, 1, 2, 1, 0, 2]
VOCABULARY = ["<pad>", "<unk>", *WORDS]
TEXTS = [[2 + WORDS.index(word) for word in line.split()] for line in LINES]


def prepared(config: Bow.Config) -> Bow:
    torch.manual_seed(0)
    encoder = Bow(config, VOCABULARY)
    texts, labels = Ragged.of(TEXTS), Ragged.of([[label] for label in LABELS])
    encoder.prepare([texts.slice(0, 2), texts.slice(2, 6)], [labels.slice(0, 2), labels.slice(2, 6)])
    return encoder


def dense_weights(encoder: Bow) -> np.ndarray:
    """The encoder's entries as a matrix [B, R]."""
    rows, weights, ends = encoder.weigh(
        *encoder.index.entries(Ragged.of(TEXTS).flat, Ragged.of(TEXTS).offsets)
    )
    matrix = np.zeros((len(TEXTS), encoder.index.num_rows), np.float32)
    for b in range(len(TEXTS)):
        matrix[b, rows[ends[b] : ends[b + 1]]] = weights[ends[b] : ends[b + 1]]
    return matrix


@pytest.mark.parametrize("orders", [1, 2, 3])
@pytest.mark.parametrize("weighting", ["tfidf", "counts", "binary", "log"])
@pytest.mark.parametrize("normalize", [True, False])
def test_weights_are_those_of_scikit_learn(orders: int, weighting: str, normalize: bool) -> None:
    config = Bow.Config(orders=orders, weighting=weighting, normalize=normalize, min_count=1)  # type: ignore[arg-type]
    mine = dense_weights(prepared(config))
    peer = TfidfVectorizer(
        ngram_range=(1, orders),
        token_pattern=r"\S+",
        norm="l2" if normalize else None,
        use_idf=weighting == "tfidf",
        sublinear_tf=weighting == "log",
        binary=weighting == "binary",
    )
    theirs = peer.fit_transform(LINES).toarray()
    # The columns stand in another order; sorted by their content they are equal.
    mine = mine[:, mine.any(0)]
    np.testing.assert_allclose(
        mine[:, np.lexsort(mine.round(4))], theirs[:, np.lexsort(theirs.round(4))], rtol=1e-5
    )
    np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, rtol=1e-4, atol=1e-6)


def test_idf_of_units_is_that_of_scikit_learn() -> None:
    encoder = prepared(Bow.Config(orders=1))
    peer = TfidfVectorizer(token_pattern=r"\S+").fit(LINES)
    np.testing.assert_allclose(encoder.row_weights[2:].numpy(), peer.idf_, rtol=1e-6)
    assert encoder.row_weights[0] == pytest.approx(np.log(7) + 1)


@pytest.mark.parametrize("cells", [1, 16, 1 << 20])
def test_bayes_is_idf_times_the_largest_log_count_ratio(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textladder.encoders.bow.LABEL_CELLS", cells)  # one label, some, all at a time
    encoder = prepared(Bow.Config(orders=1, weighting="bayes"))
    held = CountVectorizer(token_pattern=r"\S+", binary=True).fit_transform(LINES).toarray()
    held = np.concatenate([np.zeros((len(LINES), 2), int), held], 1)  # <pad> and <unk> stand in no text
    ratios = []
    for label in range(3):
        inside = np.array(LABELS) == label
        p, q = 1 + held[inside].sum(0), 1 + held[~inside].sum(0)
        ratios.append(np.abs(np.log(p / p.sum()) - np.log(q / q.sum())))
    idf = np.log((1 + len(LINES)) / (1 + held.sum(0))) + 1
    np.testing.assert_allclose(encoder.row_weights.numpy(), np.max(ratios, 0) * idf, rtol=1e-5)


def test_bayes_without_labels_is_a_problem() -> None:
    with pytest.raises(Problem, match="labels of whole texts"):
        Bow(Bow.Config(weighting="bayes"), VOCABULARY).prepare([Ragged.of(TEXTS)])


def test_bayes_counts_each_label_of_a_text() -> None:
    encoder = Bow(Bow.Config(orders=1, weighting="bayes"), VOCABULARY)
    encoder.prepare([Ragged.of([[2], [3], [3, 4]])], [Ragged.of([[0, 1], [1], []])])
    p, q = np.array([1, 1, 2, 1, 1, 1, 1]), np.array([1, 1, 1, 3, 2, 1, 1])  # of label 0: text 0 alone
    first = np.abs(np.log(p / p.sum()) - np.log(q / q.sum()))
    p, q = np.array([1, 1, 2, 2, 1, 1, 1]), np.array([1, 1, 1, 2, 2, 1, 1])
    second = np.abs(np.log(p / p.sum()) - np.log(q / q.sum()))
    idf = np.log(4 / np.array([1, 1, 2, 3, 2, 1, 1])) + 1
    np.testing.assert_allclose(encoder.row_weights.numpy(), np.maximum(first, second) * idf, rtol=1e-5)


def test_linear_bow_is_x_w_plus_b() -> None:
    encoder = prepared(Bow.Config(dim=3, weighting="counts", normalize=False, orders=1))
    with torch.no_grad():
        encoder.bias += torch.tensor([1.0, 2.0, 3.0])
    x = CountVectorizer(token_pattern=r"\S+").fit_transform(LINES).toarray()
    expected = x @ encoder.embedding.weight[2:].detach().numpy() + encoder.bias.detach().numpy()
    np.testing.assert_allclose(encoder(Tokens.of_rows(TEXTS)).pooled.detach().numpy(), expected, rtol=1e-5)


def test_mean_is_that_of_units_and_max_of_rows() -> None:
    for pooling in ("mean", "max"):
        encoder = prepared(Bow.Config(dim=3, weighting="binary", orders=1, pooling=pooling))  # type: ignore[arg-type]
        pooled = encoder(Tokens.of_rows(TEXTS)).pooled
        for text, vector in zip(TEXTS, pooled, strict=True):
            rows = encoder.embedding.weight[sorted(set(text))]
            expected = rows.mean(0) if pooling == "mean" else rows.amax(0) if text else rows.sum(0)
            if not text:
                expected = torch.zeros(3)
            torch.testing.assert_close(vector, expected)


@pytest.mark.parametrize("pooling", ["sum", "mean", "max"])
@pytest.mark.parametrize("hidden_dims", [(), (32,), (64, 32, 32)])
def test_every_parameter_gets_gradient_and_bag_pooled_equals_forward(
    pooling: str, hidden_dims: tuple[int, ...]
) -> None:
    encoder = prepared(Bow.Config(dim=6, hidden_dims=hidden_dims, pooling=pooling, dropout=0.0))  # type: ignore[arg-type]
    pooled = encoder(Tokens.of_rows(TEXTS)).pooled
    assert pooled.shape == (len(TEXTS), encoder.dim)
    assert encoder.dim == (hidden_dims[-1] if hidden_dims else 6)
    pooled.sum().backward()
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert parameter.grad.to_dense().abs().sum() > 0
    np.testing.assert_allclose(
        encoder.bag_pooled(Ragged.of(TEXTS)), pooled.detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_states_are_made_per_unit_through_the_same_net() -> None:
    encoder = prepared(Bow.Config(dim=6, hidden_dims=(4,)))
    encoded = encoder.eval()(Tokens.of_rows(TEXTS))
    assert encoded.states.shape == (6, 5, 4)
    assert not encoded.states[~encoded.mask].any()
    torch.testing.assert_close(encoded.states[1, 0], encoder.after(encoder.embedding.weight[3]))


def test_saved_state_fits_a_model_that_was_not_prepared() -> None:
    encoder = prepared(Bow.Config(dim=3))
    copy = Bow(encoder.config, VOCABULARY)
    copy.load_state_dict({name: tensor.clone() for name, tensor in encoder.state_dict().items()})
    assert np.array_equal(copy.bag_pooled(Ragged.of(TEXTS)), encoder.bag_pooled(Ragged.of(TEXTS)))


def test_only_empty_texts() -> None:
    encoder = prepared(Bow.Config(dim=3))
    encoded = encoder(Tokens.of_rows([[], []]))
    assert torch.equal(encoded.pooled, encoder.bias.expand(2, 3))
    encoded.pooled.sum().backward()
    assert encoded.states.shape == (2, 1, 3)


def test_an_unknown_weighting_is_a_problem() -> None:
    with pytest.raises(Problem, match="tfidf"):
        Bow(Bow.Config(weighting="tf-idf"), VOCABULARY)  # type: ignore[arg-type]
