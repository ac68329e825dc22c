"""From a model that says how probable each next unit is, to units: greedy, drawn by chance, or by beam.

It knows only tensors, so that language models and decoders of any kind share it.
"""

from textladder.search.beam_search import beam
from textladder.search.config import SearchConfig
from textladder.search.hypothesis import Hypothesis, length_norm
from textladder.search.sampling import drawn, sample
from textladder.search.state import State, Stepper, select

__all__ = [
    "Hypothesis",
    "SearchConfig",
    "State",
    "Stepper",
    "beam",
    "drawn",
    "length_norm",
    "sample",
    "select",
]
