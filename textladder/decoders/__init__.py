"""Decoders: a source's vectors and the units written so far to a vector for the next unit. A new one is one
file here and one line in `DECODERS`; the contract suite finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textladder.decoders.decoder import Decoder

# name -> "module:Class"; imported when asked for, so that no command loads what it does not use.
DECODERS: dict[str, str] = {
    "rnn": "textladder.decoders.recurrent:RecurrentDecoder",
    "conv": "textladder.decoders.convolutional:ConvolutionalDecoder",
    "attention": "textladder.decoders.attention:TransformerDecoder",
}


def decoder_class(name: str) -> type[Decoder]:
    """The class behind a name in `DECODERS`; Problem for an unknown name."""
    from textladder.checking import named_class

    found: type[Decoder] = named_class(DECODERS, name, "decoder.name", "decoder")
    return found
