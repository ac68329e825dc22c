"""textladder: every rung of deep learning for text, trained and compared on your own data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "AnswerExtractor",
    "LanguageModel",
    "PairClassifier",
    "PairRegressor",
    "Problem",
    "TextClassifier",
    "TextEncoder",
    "TokenTagger",
    "Translator",
    "WordVectors",
]

if TYPE_CHECKING:
    from textladder.answering import AnswerExtractor
    from textladder.embedding import TextEncoder
    from textladder.errors import Problem
    from textladder.estimators import TextClassifier
    from textladder.language import LanguageModel
    from textladder.pairing import PairClassifier, PairRegressor
    from textladder.tagging import TokenTagger
    from textladder.translator import Translator
    from textladder.vectors.wordvectors import WordVectors

_PLACES = {
    "AnswerExtractor": "textladder.answering",
    "LanguageModel": "textladder.language",
    "PairClassifier": "textladder.pairing",
    "PairRegressor": "textladder.pairing",
    "Problem": "textladder.errors",
    "TextClassifier": "textladder.estimators",
    "TextEncoder": "textladder.embedding",
    "TokenTagger": "textladder.tagging",
    "Translator": "textladder.translator",
    "WordVectors": "textladder.vectors.wordvectors",
}


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import textladder` and `textladder --help` do not wait for torch.
    if name not in _PLACES:
        raise AttributeError(f"module 'textladder' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
