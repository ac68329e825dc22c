"""What an encoder promises. One rung per file beside this one; `ENCODERS` in `__init__.py` names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from textladder.batch import Encoded, Ragged, Tokens
from textladder.layers.memory import Memory


class Encoder(nn.Module):
    """Ids to vectors: a vector per unit (`states`) and one per text (`pooled`).

    Promises, checked by the contract suite for every entry of `ENCODERS`: more padding changes
    nothing, states are zero where there is no unit, a causal encoder sees no later unit, every
    parameter gets gradient, an empty text works (also a batch of nothing but empty texts), bfloat16
    and other devices agree with float32.

    A subclass has a frozen dataclass `Config` beside it, where each default lives, once, and is built
    as `Cls(config, vocabulary)`: `vocabulary` lists the tokenizer's units by id (0 is <pad>, 1 is
    <unk>).
    """

    @dataclass(frozen=True)
    class Config:
        pass

    source: ClassVar[str] = ""  # paper and address, shown by `textladder rungs`
    causal: bool = False
    dim: int  # D of states and pooled
    max_length: int | None = None  # longest text in units that positions allow; None: any
    reach: int | None = None  # units before a unit that its state depends on; None: all of them
    carries: bool = False  # True: a state after each unit stands for all before it (`start`, `Tokens.carry`)
    memory: Memory | None = None  # where one that carries keeps the states of lanes
    pads: bool = True  # False: works on flat units, so that a batch costs its units and not B * T
    bfloat16_pays: bool = False  # True: wide enough to train faster in bfloat16, where the hardware has it
    threads_pay: bool = True  # False: its operations are too small to be shared between threads
    predict_units: int = 16384  # units of one batch when predicting
    embedding: nn.Embedding | None  # the table that word vectors can fill; None: no row per unit

    def __init__(self, config: Any, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.embedding = None  # not on the class, where it would hide the module that a subclass sets

    @property
    def receptive_field(self) -> int | None:
        """How many units a state depends on, its own among them; None: no fixed number."""
        return None

    def prepare(self, texts: Iterable[Ragged], labels: Iterable[Ragged] | None = None) -> None:
        """Called once before training with the unit ids of the training texts, in chunks, which may be
        iterated more than once: for what is counted, not learned by gradient (document frequencies, the
        number of n-grams). It may change `config`.

        labels: label ids of the same texts in the same chunks, from tasks that label whole texts
        (`Task.labels_texts`). What is counted of them stays in the encoder; `forward` never sees a label."""

    def ahead(self, texts: Ragged, bounds: Sequence[int]) -> Sequence[Any] | None:
        """What can be made of training texts before their turn, in another thread, while those before them
        are trained on: one value per batch, which has the texts bounds[k]..bounds[k + 1]; `forward` finds it
        in `tokens.ahead`. It must not depend on weights that are trained, nor on chance."""
        return None

    def start(self, texts: int) -> Any:
        """The state before the first unit of each of B texts, of causal encoders: nested tuples of tensors,
        each [B, ...], so that texts can be chosen, repeated and put in another order."""
        raise NotImplementedError(f"{type(self).__name__}.start")

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One more unit of each text: ids [B] -> its vectors [B, D], and the state after it. Unit by unit it
        gives what `forward` gives of the whole text."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    def forward(self, tokens: Tokens) -> Encoded:
        raise NotImplementedError(f"{type(self).__name__}.forward")
