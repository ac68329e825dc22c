"""The one error a user meets: where it happened, what is wrong, what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class Problem(Exception):  # noqa: N818 (it is what the user is told, in these words)
    """A mistake that the user can mend.

    where: the place, as exactly as it is known ("reviews.csv, line 214", "--set encoder.dim").
    what: the fact, in one sentence.
    next_step: what to do about it.

    The command line prints the three and exits with code 2; in Python it is an ordinary exception.
    """

    exit_code = 2

    def __init__(self, where: str, what: str, next_step: str) -> None:
        super().__init__(where, what, next_step)
        self.where, self.what, self.next_step = where, what, next_step

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n{self.next_step}"


def suggest(word: str, known: Iterable[str]) -> str:
    """A next step for a name that is not known: the nearest known names, then all of them."""
    names = sorted(known)
    near = get_close_matches(word, names, n=2, cutoff=0.6)
    listed = ", ".join(names) if names else "nothing"
    return f"Did you mean {' or '.join(near)}? Known: {listed}." if near else f"Known: {listed}."
