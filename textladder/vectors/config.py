"""What word vectors are trained with: the one place where every default stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from textladder.errors import Problem, suggest

Method = Literal["skipgram", "cbow", "fasttext", "glove"]
Units = Literal["word", "whitespace", "character"]
# Where training starts; it falls to zero in a straight line (GloVe: AdaGrad's rate does). fastText's default
# for skip-gram too: on texts of some ten million words better than word2vec's 0.025.
LEARNING_RATES: dict[str, float] = {"skipgram": 0.05, "cbow": 0.05, "fasttext": 0.05, "glove": 0.1}
EPOCHS: dict[str, int] = {"skipgram": 5, "cbow": 5, "fasttext": 5, "glove": 15}


@dataclass(frozen=True)
class VectorsConfig:
    """How word vectors are trained. Raises Problem for a value that makes no sense."""

    method: Method = "skipgram"
    dim: int = 100  # width of a vector
    window: int = 5  # words on each side; each centre draws its own number from 1 to this (GloVe: all)
    negative: int = 5  # noise words for each pair; 0: hierarchical softmax, and GloVe without zeros
    min_count: int = 5  # rarer words are left out of the text
    max_vocabulary: int | None = None  # the most frequent words that are kept; None: all
    sample: float = 1e-3  # frequent words are left out by chance above this share of the text; 0: never
    epochs: int | None = None  # passes over the text; None: the method's own
    learning_rate: float | None = None  # at the start; None: the method's own
    char_orders: tuple[int, int] = (3, 6)  # fastText: shortest and longest character n-gram
    buckets: int = 2_000_000  # fastText: rows that the n-grams share
    phrases: int = 0  # passes that join pairs such as new_york
    phrase_threshold: float = 100.0  # how many times more often than by chance such a pair occurs
    units: Units = "word"  # how a text is cut, as the text layer's tokenizer does it
    lowercase: bool = True
    threads: int = 0  # 0: one for each processor. With 1, the same seed gives the same vectors
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", get_args(Method)), ("units", get_args(Units))):
            value = getattr(self, name)
            if value not in known:
                raise Problem(f"--{name}", f"there is no {name} {value!r}.", suggest(str(value), known))
        self._at_least(1, "dim", "window", "min_count", "max_vocabulary", "epochs", "buckets")
        self._at_least(0, "negative", "phrases", "threads", "seed", "sample", "learning_rate")
        lowest, highest = self.char_orders
        if not 0 <= lowest <= highest:
            raise Problem(
                "--char-orders", f"{lowest} to {highest} is no range.", "Give the shorter one first: 3 6."
            )

    def _at_least(self, least: int, *names: str) -> None:
        for name in names:
            value: Any = getattr(self, name)
            if value is not None and not value >= least:  # also catches a NaN
                option = f"--{name.replace('_', '-')}"
                raise Problem(option, f"{value} is too small.", f"Give {least} or more.")

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        return LEARNING_RATES[self.method] if self.learning_rate is None else self.learning_rate

    @property
    def passes(self) -> int:
        """Epochs, or iterations of GloVe."""
        return EPOCHS[self.method] if self.epochs is None else self.epochs
