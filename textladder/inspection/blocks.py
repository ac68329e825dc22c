"""What single blocks of test text tell of language models: the hardest, those on which rungs differ most. One
pass, flat memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from textladder.comparing.answers import BlockAnswer
from textladder.inspection.findings import Top, count_wins


@dataclass(frozen=True)
class BlockFinding:
    """One block and what every rung said of it."""

    where: str
    text: str
    answers: dict[str, BlockAnswer]

    @property
    def spread(self) -> float:
        """Bits per character between the rung that found it easiest and the one that found it hardest."""
        said = [answer.bits_per_character for answer in self.answers.values()]
        return max(said) - min(said)


@dataclass
class BlockFindings:
    """rungs: their order in `wins`, [R, R] blocks that cost the first fewer bits than the second.
    texts: all blocks. hardest: those with most bits per character, in the mean of the rungs; between: those
    with the largest `spread`. A block is left out of both where it is less than half as long as the mean of
    those before it: of few characters any number of bits can come."""

    rungs: tuple[str, ...]
    texts: int = 0
    characters: int = 0
    wins: list[list[int]] = field(default_factory=list)
    hardest: list[BlockFinding] = field(default_factory=list)
    between: list[BlockFinding] = field(default_factory=list)


def find_blocks(
    rows: Iterable[Mapping[str, BlockAnswer]], rungs: Iterable[str], *, examples: int = 20
) -> BlockFindings:
    """Read every block's answers once (see `comparing.side_by_side`) and keep `examples` of each kind."""
    found = BlockFindings(tuple(rungs))
    names = found.rungs
    found.wins = [[0] * len(names) for _ in names]
    hardest, between = Top(examples), Top(examples)
    for position, row in enumerate(rows):
        answers = [row[name] for name in names]
        size = answers[0].characters
        found.texts += 1
        found.characters += size
        count_wins(found.wins, [answer.bits for answer in answers])
        if 2 * size * found.texts < found.characters:
            continue
        finding = BlockFinding(answers[0].where, answers[0].text, dict(row))
        hardest.offer(sum(answer.bits for answer in answers) / max(size, 1), position, finding)
        between.offer(finding.spread, position, finding)
    found.hardest = hardest.sorted()
    found.between = [one for one in between.sorted() if one.spread > 0]
    return found
