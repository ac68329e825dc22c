"""The options of a search, and which of them contradict each other."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, fields, replace

from textladder.errors import Problem


@dataclass(frozen=True)
class SearchConfig:
    """How units are chosen. `repetition_penalty` comes first, then temperature, top_k, top_p and min_p, each
    on what the one before it left. Raises Problem for values out of range and for options that contradict
    each other."""

    length: int = 200  # units written, at most
    temperature: float = 1.0  # log-probabilities are divided by it; 0: always the most probable unit (greedy)
    top_k: int = 0  # only the k most probable units (Fan et al. 2018); 0: all
    top_p: float = 1.0  # only the fewest units that have this probability together (Holtzman et al. 2020)
    min_p: float = (
        0.0  # only units at least so probable, as a share of the most probable (Nguyen et al. 2024)
    )
    repetition_penalty: float = 1.0  # of units that were there before (Keskar et al. 2019); 1: none
    beam: int = 1  # hypotheses kept at each step of a beam search; 1: units are drawn, not searched
    length_penalty: float = 0.6  # of a beam search: alpha of Wu et al. 2016, equation 14; 0: none
    coverage_penalty: float = 0.0  # of a beam search over a source: beta of the same equation; 0: none
    groups: int = 1  # parts of a beam that avoid each other's units (Vijayakumar et al. 2016); 1: no parts
    diversity: float = 0.5  # nats that a unit loses for each earlier group's hypothesis that has it there
    n: int = 1  # texts for each prompt
    seed: int | None = None  # the same seed draws the same units; None: another each time
    ignore_end: bool = False  # </s> is never written, so that every text has `length` units

    def __post_init__(self) -> None:
        for name, holds, range_ in (
            ("length", self.length >= 1, "a whole number from 1 on"),
            ("temperature", 0 <= self.temperature < math.inf, "a number from 0 on; 0 is greedy"),
            ("top_k", self.top_k >= 0, "a whole number from 0 on; 0 keeps all units"),
            ("top_p", 0 < self.top_p <= 1, "a number above 0 and up to 1; 1 keeps all units"),
            ("min_p", 0 <= self.min_p <= 1, "a number from 0 to 1; 0 keeps all units"),
            ("repetition_penalty", 0 < self.repetition_penalty < math.inf, "a number above 0; 1 is none"),
            ("beam", self.beam >= 1, "a whole number from 1 on; 1 is no beam"),
            ("length_penalty", 0 <= self.length_penalty < math.inf, "a number from 0 on; 0 is none"),
            ("coverage_penalty", 0 <= self.coverage_penalty < math.inf, "a number from 0 on; 0 is none"),
            ("groups", self.groups >= 1, "a whole number from 1 on; 1 is the whole beam"),
            ("diversity", 0 <= self.diversity < math.inf, "a number from 0 on; 0 is none"),
            ("n", self.n >= 1, "a whole number from 1 on"),
            ("seed", self.seed is None or 0 <= self.seed < 2**63, "a whole number from 0 to below 2^63"),
        ):
            if not holds:
                raise Problem(name, f"{getattr(self, name)!r} will not do.", f"It must be {range_}.")
        if self.beam > 1:
            self._refuse(
                ("temperature", "top_k", "top_p", "min_p", "seed"),
                f"a beam search (beam={self.beam}) draws nothing",
                "or the beam, to draw units",
            )
            if self.n > self.beam:
                what = f"a beam of {self.beam} has no {self.n} texts to give."
                raise Problem("n, beam", what, f"Give a beam of at least {self.n}, or a smaller n.")
            if self.beam % self.groups:
                what = f"a beam of {self.beam} cannot be shared by {self.groups} groups alike."
                raise Problem("beam, groups", what, "Give a beam that is a multiple of the groups.")
            if self.groups == 1:
                self._refuse(("diversity",), "one group has no other to differ from", "or give groups")
            return
        self._refuse(
            ("length_penalty", "coverage_penalty", "groups", "diversity"),
            "without a beam nothing is searched",
            "or give a beam",
        )
        if self.temperature == 0:
            self._refuse(
                ("top_k", "top_p", "min_p", "seed"),
                "at temperature 0 the most probable unit is always taken",
                "or give a temperature above 0",
            )
            if self.n > 1:
                what = f"without a beam and at temperature 0 all {self.n} texts would be the same."
                raise Problem("n, beam, temperature", what, "Give a beam, or a temperature above 0.")

    def _refuse(self, names: tuple[str, ...], why: str, otherwise: str) -> None:
        """A Problem if any of these options is not at its default."""
        default = {field.name: field.default for field in fields(self)}
        given = [name for name in names if getattr(self, name) != default[name]]
        if given:
            listed = ", ".join(given)
            raise Problem(listed, f"{why}: {listed} would change nothing.", f"Leave it out, {otherwise}.")

    @property
    def draws(self) -> bool:
        """Whether chance plays a part."""
        return self.beam == 1 and self.temperature > 0

    def seeded(self) -> SearchConfig:
        """The same with a seed that can be told, if chance plays a part and none was given."""
        return replace(self, seed=secrets.randbits(31)) if self.draws and self.seed is None else self
