"""Slow and plain: the papers' formulas over dictionaries, to hold the compiled models to."""

from __future__ import annotations

from collections import Counter, defaultdict

BEGIN, END = 2, 3
Gram = tuple[int, ...]


def count(texts: list[list[int]], order: int) -> list[Counter[Gram]]:
    """Counts of each order; index 0 is order 1. <s> alone counts 0."""
    found: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for text in texts:
        framed = [BEGIN, *text, END]
        for length in range(1, order + 1):
            for i in range(len(framed) - length + 1):
                found[length - 1][tuple(framed[i : i + length])] += 1
    found[0][(BEGIN,)] = 0
    return found


def adjusted(counts: list[Counter[Gram]]) -> list[dict[Gram, int]]:
    """Kneser-Ney counts: how many different units stand before, below the highest order and not after <s>."""
    result: list[dict[Gram, int]] = []
    for length, grams in enumerate(counts[:-1], 1):
        before: Counter[Gram] = Counter(gram[1:] for gram in counts[length])
        raw = {gram: value for gram, value in grams.items() if gram[0] == BEGIN}
        result.append({gram: before[gram] for gram in grams} | raw)
    return [*result, dict(counts[-1])]


def discounts(grams: dict[Gram, int], fallback: tuple[float, float, float]) -> list[float]:
    """Chen and Goodman (1998), equation 26; [0, D1, D2, D3+]."""
    n = Counter(grams.values())
    if not (n[1] and n[2] and n[3]):
        return [0.0, *fallback]
    share = n[1] / (n[1] + 2 * n[2])
    found = [count - (count + 1) * share * n[count + 1] / n[count] for count in (1, 2, 3)]
    return [0.0, *fallback] if min(found) < 0 else [0.0, *found]


class KneserNey:
    """Modified, interpolated."""

    def __init__(
        self,
        texts: list[list[int]],
        size: int,
        order: int,
        fallback: tuple[float, float, float],
        prune: tuple[int, ...] = (0,),
    ) -> None:
        self.size, self.order = size, order
        self.counts = count(texts, order)
        self.values = adjusted(self.counts)
        self.discounts = [discounts(grams, fallback) for grams in self.values]
        self.least = [prune[min(length, len(prune)) - 1] for length in range(1, order + 1)]
        self.after: list[dict[Gram, list[Gram]]] = []
        for grams in self.values:
            contexts: dict[Gram, list[Gram]] = defaultdict(list)
            for gram in grams:
                contexts[gram[:-1]].append(gram)
            self.after.append(contexts)

    def probability(self, unit: int, context: Gram) -> float:
        """Of `unit` after the last order - 1 units of `context`, <s> included."""
        context = context[len(context) - min(self.order - 1, len(context)) :]
        level = len(context)
        values, by, least = self.values[level], self.discounts[level], self.least[level]
        lower = self.probability(unit, context[1:]) if level else 1 / (self.size - 2)
        grams = self.after[level].get(context, [])
        total = sum(values[gram] for gram in grams)
        if not total:
            return lower
        kept = [gram for gram in grams if level == 0 or self.counts[level][gram] > least]
        freed = total - sum(values[gram] - by[min(values[gram], 3)] for gram in kept)
        gram = (*context, unit)
        own = values[gram] - by[min(values[gram], 3)] if gram in kept else 0.0
        return own / total + freed / total * lower
