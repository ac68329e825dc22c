"""What `compare` decides: which rung is best, which is worth its cost, how a budget is shared."""

from textladder.comparing.answers import (
    Answer,
    BlockAnswer,
    read_answers,
    read_blocks,
    side_by_side,
    statistic_of,
)
from textladder.comparing.deciding import Pick, costs_of, learning_verdict, pareto, pick, significantly_worse
from textladder.comparing.halving import Halved, Job, Outcome, drive, halving
from textladder.comparing.rows import Compared, Row, best_on_dev, compare_runs
from textladder.comparing.summary import summarise
from textladder.comparing.telling import fronts, plain, table

__all__ = [
    "Answer",
    "BlockAnswer",
    "Compared",
    "Halved",
    "Job",
    "Outcome",
    "Pick",
    "Row",
    "best_on_dev",
    "compare_runs",
    "costs_of",
    "drive",
    "fronts",
    "halving",
    "learning_verdict",
    "pareto",
    "pick",
    "plain",
    "read_answers",
    "read_blocks",
    "side_by_side",
    "significantly_worse",
    "statistic_of",
    "summarise",
    "table",
]
