"""From a model that says how probable each next unit is, to units: greedy, drawn by chance, or by beam.

It knows only tensors, so that language models and decoders of any kind share it.
"""

from textladder.search.beam_search import beam
from textladder.search.config import SearchConfig
from textladder.search.coverage import Coverage
from textladder.search.hypothesis import Hypothesis, length_norm
from textladder.search.sampling import drawn, sample
from textladder.search.state import State, Stepper, select
from textladder.search.tree import Node, Tree

__all__ = [
    "Coverage",
    "Hypothesis",
    "Node",
    "SearchConfig",
    "State",
    "Stepper",
    "Tree",
    "beam",
    "drawn",
    "length_norm",
    "sample",
    "select",
]
