"""Encoders: ids to vectors. A new one is one file here and one line in `ENCODERS`; the contract suite finds
it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textladder.encoders.encoder import Encoder

# name -> "module:Class"; imported when asked for, so that no command loads what it does not use.
ENCODERS: dict[str, str] = {
    "bow": "textladder.encoders.bow:Bow",
    "ngrams": "textladder.encoders.ngrams:Ngrams",
    "rnn": "textladder.encoders.recurrent:Rnn",
    "lstm": "textladder.encoders.recurrent:Lstm",
    "gru": "textladder.encoders.recurrent:Gru",
    "window": "textladder.encoders.window:Window",
    "cnn": "textladder.encoders.cnn:Cnn",
    "rescnn": "textladder.encoders.rescnn:ResidualCnn",
    "neural-ngram": "textladder.encoders.neural_ngram:NeuralNgram",
    "causal-cnn": "textladder.encoders.causal_cnn:CausalCnn",
    "attention": "textladder.encoders.attention:SelfAttention",
}


def encoder_class(name: str) -> type[Encoder]:
    """The class behind a name in `ENCODERS`; Problem for an unknown name."""
    from textladder.checking import named_class

    found: type[Encoder] = named_class(ENCODERS, name, "encoder.name", "encoder")
    return found
