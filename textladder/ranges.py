"""Types of numbers in a Config that say their range. `checking.checked` holds to it what a user wrote, in the
words given here."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Lt

Size = Annotated[int, Ge(1), "a whole number from 1 on"]
Count = Annotated[int, Ge(0), "a whole number from 0 on"]
Share = Annotated[float, Ge(0), Lt(1), "a number from 0 to below 1"]
Seed = Annotated[int, Ge(0), Lt(2**63), "a whole number from 0 to below 2^63"]
