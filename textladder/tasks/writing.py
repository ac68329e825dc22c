"""What translators know of the next unit: decoder, output layer and pointer as one. What is done with it,
training and search: `translate`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.decoders.decoder import aligning
from textladder.errors import Problem
from textladder.layers.attention import Layout
from textladder.layers.embedding import PAD, UnitEmbedding
from textladder.layers.pointing import Pointer
from textladder.layers.softmax import UnitSoftmax
from textladder.search import State
from textladder.text.tokenizing import BEGIN, END, UNKNOWN

if TYPE_CHECKING:
    from textladder.decoders.decoder import Decoder
    from textladder.text.tokenizing import Tokenizer

NEVER = (PAD, UNKNOWN, BEGIN)  # what is not written


class Writing:
    """The part of a translator (`Translate`) that says how probable each next unit is.

    What is known of next units, "said", is the decoder's vectors, or what the pointer made of them
    (`pointing.Pointed`).
    """

    config: Any  # Translate.Config
    labels: dict[str, Any]
    memory_dim: int

    def equip(self, decoder: Decoder, tokenizer: Tokenizer) -> None:
        """Called once, before `tie`: what writes, and what knows how its units are written."""
        positions, longest = decoder.max_length, tokenizer.config.max_length
        if positions is not None and longest > positions:
            raise Problem(
                "tokenizer.max_length",
                f"{longest} units are more than the decoder's {positions} positions.",
                f"Set tokenizer.max_length={positions}, or decoder.max_length={longest}.",
            )
        self.decoder, self.tokenizer, self.threads_pay = decoder, tokenizer, decoder.threads_pay
        self.output = UnitSoftmax(decoder.dim, int(self.labels["units"]))
        config, widths = self.config, (decoder.dim, self.memory_dim, decoder.embedding.embedding_dim)
        self.pointer: Pointer | None = None
        if config.copying or config.coverage:
            self.pointer = Pointer(*widths, copies=config.copying, covers=config.coverage > 0)

    def tie(self, embedding: nn.Embedding | None) -> None:
        if self.config.tied == "none":
            return
        if self.config.tied == "all":
            width = None if embedding is None else embedding.weight.shape[1]
            own = self.decoder.embedding.weight.shape[1]
            if width != own or not isinstance(embedding, UnitEmbedding):
                raise Problem(
                    "task.tied",
                    "one table for both sides needs vectors of one width: the encoder's have "
                    f"{width or 'no table'}, the decoder's {own}.",
                    "Set encoder.embedding_dim and decoder.embedding_dim alike, or task.tied=target.",
                )
            self.decoder.share(embedding)
        table = self.decoder.embedding
        table.shared = True
        self.output.tie(cast(nn.Parameter, table.weight))

    def said(self, memory: Encoded, source: Tokens, prefix: Tokens, maps: list[Tensor] | None = None) -> Any:
        """What is known of the unit after each of the prefixes, vectors [N, D] or more. maps: those of
        `Decoder.forward`, and the pointer's behind them."""
        vectors, layout = self.decoder(prefix, memory, maps), Layout(prefix, exact=True)
        if self.pointer is None:
            return layout.unpad(vectors)
        words, read = self.decoder.rows(prefix.ids), self.pointer.read(memory, source)
        pointed, _ = self.pointer(vectors, words, read)
        if maps is not None:
            maps.append(pointed.shares[:, None])
        return pointed.flat(layout)

    def begin(self, memory: Encoded, source: Tokens) -> State:
        """The state before the first unit."""
        memory = Encoded(memory.pooled.float(), memory.mask, memory.states.float())
        state = self.decoder.start(memory)
        if self.pointer is None:
            return state
        read = self.pointer.read(memory, source)
        return state, read, self.pointer.start(read)

    def step(self, last: Tensor, state: State) -> tuple[Any, State]:
        """What is known of the unit after these [R], vectors [R, D] or more, and the state after them."""
        if self.pointer is None:
            return self.decoder.step(last, state)
        before, read, covered = state
        vectors, after = self.decoder.step(last, before)
        pointed, covered = self.pointer(vectors[:, None], self.decoder.rows(last)[:, None], read, covered)
        return pointed.of_step(), (after, read, covered)

    def looking(self, last: Tensor, state: State) -> tuple[Any, State, Tensor]:
        """`step`, and the shares [R, S] by which its rows looked at the units of the source."""
        if self.pointer is None:
            return self.decoder.looking(last, state)
        said, state = self.step(last, state)
        return said, state, said.shares

    def log_probs(self, said: Any) -> Tensor:
        """[R, V] of what `said` or `step` gave."""
        if self.pointer is None:
            return self.output.log_probs(said)
        return self.pointer.log_probs(self.output, said)

    def rows_said(self, said: Any, rows: Tensor) -> Any:
        """Some of what `said` or `step` gave."""
        return said[rows] if self.pointer is None else said.rows(rows)

    def likeliest(self, said: Any) -> Tensor:
        """[R] the most probable unit that a text can have in its midst; without gradient."""
        inner = torch.tensor([*NEVER, END])
        if self.pointer is None:
            return self.output.best(said, 1, inner.to(said.device))[1][:, 0]
        log_probs = self.log_probs(said)
        return log_probs.index_fill(1, inner.to(log_probs.device), -math.inf).argmax(1)

    def losses(self, said: Any, units: Tensor) -> Tensor:
        """[N] -log p(units), in nats."""
        if self.pointer is None:
            return self.output.losses(said, units)
        return self.pointer.losses(self.output, said, units)

    @property
    def attends(self) -> bool:
        """Whether there is anything that a unit looked at."""
        return self.decoder.attends or self.pointer is not None

    def aligning(self, maps: Sequence[Tensor]) -> Tensor:
        """Of the maps of `said` that which alignments are read from: the pointer's, if there is one."""
        return maps[-1] if self.pointer is not None else aligning(maps)


class Together:
    """Several that write with one vocabulary, as one: the mean of the probabilities that they give."""

    def __init__(self, writers: Sequence[Writing]) -> None:
        self.writers = writers

    def begin(self, memories: Sequence[Encoded], source: Tokens) -> State:
        """memories: what the encoder of each says of the source."""
        return tuple(w.begin(memory, source) for w, memory in zip(self.writers, memories, strict=True))

    def step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        """Log-probabilities of the next unit [R, V], and the state after it."""
        found, after = [], []
        for writer, own in zip(self.writers, state, strict=True):
            said, own_after = writer.step(last, own)
            found.append(writer.log_probs(said))
            after.append(own_after)
        return mean_of_logs(found), tuple(after)

    def looking(self, last: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        """`step`, and the mean of the shares by which they looked, those that do."""
        found, after, shares = [], [], []
        for writer, own in zip(self.writers, state, strict=True):
            if writer.attends:
                said, own_after, share = writer.looking(last, own)
                shares.append(share)
            else:
                said, own_after = writer.step(last, own)
            found.append(writer.log_probs(said))
            after.append(own_after)
        return mean_of_logs(found), tuple(after), torch.stack(shares).mean(0)


def mean_of_logs(each: Sequence[Tensor]) -> Tensor:
    """Logarithms of probabilities -> that of their mean."""
    return each[0] if len(each) == 1 else torch.stack(list(each)).logsumexp(0) - math.log(len(each))
