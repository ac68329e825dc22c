"""One row per rung: its score with an interval, its distance to the best, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from textladder.comparing.answers import statistic_of
from textladder.errors import Problem
from textladder.metrics.intervals import bootstrap, mean_sd
from textladder.metrics.paired import compare_pair, holm
from textladder.metrics.statistic import Statistic


@dataclass(frozen=True)
class Row:
    """A rung over its seeds. Costs are means over seeds; what was not measured is None.

    score, interval: on test, the mean over seeds. The interval is a 95 % bootstrap over test texts with the
    trained models as they are; how far seeds scatter is `sd` (None for one seed).
    difference, difference_interval: score minus that of the best rung on the same texts; p: that of the
    paired test, Holm-adjusted over all rungs but the best. None for the best itself.
    """

    rung: str
    seeds: tuple[int, ...]
    units: str
    dev: float
    score: float
    interval: tuple[float, float]
    sd: float | None = None
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None
    p: float | None = None
    training_seconds: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    throughput: float | None = None
    size_mb: float | None = None
    peak_memory_mb: float | None = None
    parameters: int | None = None
    texts: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {f.name: _json(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """The inverse of `to_dict`; unknown keys are left alone."""
        known: dict[str, Any] = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        known |= {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return cls(**known)


@dataclass(frozen=True)
class Compared:
    """rows in the order given, the best rung (by dev score), and how the numbers were made."""

    rows: tuple[Row, ...]
    best: str
    metric: str
    higher_is_better: bool


def compare_runs(runs: Mapping[str, Sequence[Path]], *, resamples: int = 1000, seed: int = 0) -> Compared:
    """Rows from run folders: rung -> one folder per seed.

    The best is chosen by dev score, so that the test set decides nothing before it tests: choosing on test
    would favour the luckiest. Raises Problem if there is no run, or runs that cannot be compared.
    """
    if not runs:
        raise Problem("compare", "no rung was trained to a result.", "Give it more time, or other rungs.")
    summaries = {rung: [_scores(folder) for folder in folders] for rung, folders in runs.items()}
    first = next(iter(summaries.values()))[0]
    metric, higher = first["metric"], first["higher_is_better"]
    rows: list[Row] = []
    statistics: dict[str, Statistic] = {}
    for rung, folders in runs.items():
        odd = next((s for s in summaries[rung] if s["metric"] != metric), None)
        if odd is not None:
            raise Problem(rung, f"it was scored by {odd['metric']}, others by {metric}.", "Compare anew.")
        statistics[rung] = statistic_of([f / "predictions.jsonl" for f in folders], metric, labels_of(first))
        interval = bootstrap(statistics[rung], resamples=resamples, seed=seed)
        rows.append(_row(rung, summaries[rung], (interval.low, interval.high)))
    best = best_on_dev(rows, higher)
    return Compared(
        tuple(with_differences(rows, statistics, best, resamples=resamples, seed=seed)), best, metric, higher
    )


def labels_of(scores: Mapping[str, Any]) -> list[str]:
    """All labels that a run may answer, from its scores.json; none of a language model, which answers in
    bits."""
    return [entry["label"] for entry in scores["test"]["details"].get("per_class", ())]


def best_on_dev(rows: Sequence[Row], higher_is_better: bool = True) -> str:
    """The rung with the best mean dev score; of equals the first: rungs go from simple to complex."""
    sign = 1 if higher_is_better else -1
    return max(rows, key=lambda row: sign * row.dev).rung


def with_differences(
    rows: Sequence[Row],
    statistics: Mapping[str, Statistic],
    best: str,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Row]:
    """The rows with their paired differences to `best`; p-values are Holm-adjusted over all of them."""
    others = [row for row in rows if row.rung != best]
    found = {
        row.rung: compare_pair(statistics[row.rung], statistics[best], resamples=resamples, seed=seed)
        for row in others
        if _comparable(statistics[row.rung], statistics[best])
    }
    adjusted = dict(zip(found, holm([d.p for d in found.values()]).tolist(), strict=True))
    return [
        replace(
            row,
            difference=found[row.rung].value,
            difference_interval=(found[row.rung].low, found[row.rung].high),
            p=adjusted[row.rung],
        )
        if row.rung in found
        else row
        for row in rows
    ]


def _comparable(first: Statistic, second: Statistic) -> bool:
    """Exchanging the answers to a text needs the same sums on both sides: as many seeds."""
    return first.table.shape[1] == second.table.shape[1]


def _scores(folder: Path) -> dict[str, Any]:
    path = folder / "scores.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(str(path), f"cannot be read ({error.strerror}).", "Train this rung again.") from error
    except ValueError as error:
        raise Problem(str(path), f"is not valid JSON ({error}).", "Train this rung again.") from error
    return found


def _row(rung: str, seeds: Sequence[dict[str, Any]], interval: tuple[float, float]) -> Row:
    scores = [s["test"]["score"] for s in seeds]
    mean, sd = mean_sd(scores)

    def cost(*keys: str) -> float | None:
        values: list[Any] = list(seeds)
        for key in keys:
            values = [v.get(key) if v else None for v in values]
        return None if any(v is None for v in values) else mean_sd(values)[0]

    return Row(
        rung=rung,
        seeds=tuple(s["seed"] for s in seeds),
        units=seeds[0].get("units", ""),
        dev=mean_sd([s["dev"]["score"] for s in seeds])[0],
        score=mean,
        interval=interval,
        sd=sd if len(seeds) > 1 else None,
        training_seconds=cost("training_seconds"),
        latency_p50_ms=cost("latency_ms", "p50"),
        latency_p95_ms=cost("latency_ms", "p95"),
        throughput=cost("throughput"),
        size_mb=cost("size_mb"),
        peak_memory_mb=cost("peak_memory_mb"),
        parameters=seeds[0].get("parameters"),
        texts=seeds[0]["test"]["count"],
    )


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
