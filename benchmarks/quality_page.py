"""docs/quality.md: what the records of `benchmarks.quality` say, and whether it is what is asked."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.data_set import EVERY, DataSet
from benchmarks.harness import table
from benchmarks.sets import SETS
from textladder.wording import told

Record = dict[str, Any]  # one training: what was found, with which recipe, when and where

HOW = """\
Each rung is trained with its shipped recipe and the settings named below, stops when dev gets no better, and
is tested once. The best rung is chosen by its dev score; the interval is the 95 % bootstrap interval of its
test score (of the first seed, where there are several; scores are then means). No setting was chosen by a
test score. Where a set has no dev file, a tenth of the training texts is held out. Seconds are processor
time of the whole command, from reading to testing: `docs/speed.md` is where speed is measured.
"""

REMARKS = {  # below the table of a set
    "atis_intents": """\
Of several intents, joined by #, the first is asked for. Two of the 893 test texts have an intent that no
training text has; they are left out, and would take 0.2 points.
""",
    "sst2_phrases": """\
Without vectors, with batches of 32 and 8 epochs, `bilstm` had 0.834 on dev and 0.839 on test.
""",
    "sst2": """\
`lstm` is ahead of `bow` on dev by less than one of 872 texts (0.8115 and 0.8108, means of three seeds), and
behind it on test. `compare`, which takes the cheapest rung that is not significantly worse, would take `bow`.
""",
    "rt_polarity": """\
Not within 3 points: `attention`, whose three seeds have 0.743 to 0.761. It is behind on dev as well (0.743
to 0.757; `cnn` 0.763 to 0.768, `mlp` 0.780 to 0.782). Trained from scratch, it fits the 8,528 sentences
before it learns what carries over: in the first seed at epoch 8 the training loss is 0.16 and dev 0.734,
below the 0.754 that it had before. On AG News, with as many but longer texts, it is not behind. Between seeds
of `cnn` lie up to 2.6 points: one run says little here, and 1,066 test texts give intervals of 5 points.
""",
    "trec": """\
Tried with `cnn` on dev, mean of two other splits of the training questions: lower case 0.847; capitals kept
0.871 (taken); capitals and rare words (`tokenizer.min_count=1`) 0.857; lower case and the vectors of SST-2
above 0.868; capitals and vectors of the same texts in their own case 0.869. In lower case `cnn` had been the
best on dev, with 0.908 on test. Between 0.908 and 0.92 lie six of 500 questions.
""",
    "trec_vectors": """\
`cnn` and `bilstm` are exactly level on dev, as means of three seeds, and the cheaper counts as the best. With
one seed `bilstm` was ahead (0.870 and 0.859), with 0.890 on test; the other two seeds were trained after that
was seen. That 0.92 is met therefore hangs on a tie.
""",
}


@dataclass(frozen=True)
class Found:
    """A rung on a data set: means over its seeds; interval and test metrics of the first seed."""

    rung: str
    dev: float
    test: float
    spread: float | None  # standard deviation of test over seeds
    interval: tuple[float, float]
    count: int
    seconds: float | None  # of processor time; None: not known of every run
    epochs: float
    metric: str
    metrics: dict[str, float | None]
    seeds: int
    measured: tuple[str, ...]  # when and where

    @classmethod
    def of(cls, rung: str, runs: list[Record]) -> Found:
        tests = [run["test"] for run in runs]
        first, seconds = runs[0], [run["processor_seconds"] for run in runs]
        return cls(
            rung,
            statistics.mean(run["dev"] for run in runs),
            statistics.mean(tests),
            statistics.stdev(tests) if len(tests) > 1 else None,
            tuple(first["interval"]),
            first["count"],
            None if None in seconds else statistics.mean(seconds),
            statistics.mean(run["epochs"] for run in runs),
            first["metric"],
            first["scores"],
            len(runs),
            tuple(dict.fromkeys(map(when, runs))),
        )


def when(run: Record) -> str:
    """When and where a training was, in words. "note" is in records that were not made by a run of this
    program but taken over from an earlier page; such a record has no threads and no seconds."""
    threads = f", {run['threads']} thread" + ("s" if run["threads"] > 1 else "") if run["threads"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    note = f"; {run['note']}" if "note" in run else ""
    return f"{run['date']}, {run['machine']}{threads}; {packages}{note}"


def best(found: list[Found]) -> Found:
    """By dev, never by test."""
    return max(found, key=lambda one: one.dev)


def verdicts(about: DataSet, found: list[Found]) -> list[tuple[str, Found, float, bool]]:
    """(what is asked, who is judged, the figure asked for, met?) for all that is asked of a data set."""
    top, listed = best(found), []
    if about.reach is not None:
        listed.append(
            (f"best rung by dev at least {about.reach:g}", top, about.reach, top.test >= about.reach)
        )
    if about.reach_rungs is not None:
        reach, names = about.reach_rungs
        some = [one for one in found if one.rung in names]
        if some:
            chosen = best(some)
            listed.append((f"an RNN or CNN rung at least {reach:g}", chosen, reach, chosen.test >= reach))
    for one in found:
        if one.rung in about.reach_each:
            least = about.reach_each[one.rung]
            listed.append((f"`{one.rung}` at least {least:g}", one, least, one.test >= least))
    if about.within is not None:
        last = min(
            (one for one in found if one.rung not in ("bow", "ngrams")),
            key=lambda one: one.test,
            default=None,
        )
        if last:
            least = max(one.test for one in found) - about.within
            what = (
                f"every neural rung within {about.within * 100:g} points of the best (at least {least:.3f})"
            )
            listed.append((what, last, least, last.test >= least))
    return listed


def document(found: dict[str, list[Found]]) -> str:
    """docs/quality.md."""
    parts = [
        "# Quality, beside published scores",
        "Written by `make check-quality` (`python -m benchmarks.quality`); every figure is in "
        "benchmarks/results/quality.json, with the whole recipe that gave it.",
        HOW.rstrip(),
        summary_table(found),
    ]
    for name, listed in found.items():
        if not listed:
            continue
        parts += [f"## {SETS[name].about}", set_table(listed)]
        said = [settings_line(SETS[name]), REMARKS.get(name, "").rstrip(), measured_lines(listed)]
        parts += [part for part in said if part]
    return "\n\n".join(parts) + "\n"


def summary_table(found: dict[str, list[Found]]) -> str:
    header = ["data", "asked", "rung", "test", "95 % interval", "met", "known"]
    rows = []
    for name, listed in found.items():
        about = SETS[name]
        if not listed:
            continue
        judged = verdicts(about, listed) or [("report", best(listed), 0.0, True)]
        for what, one, _, met in judged:
            said = "" if what == "report" else "yes" if met else "**no**"
            rows.append([about.about, what, one.rung, score(one), interval(one), said, about.known])
    return table(header, rows)


def set_table(found: list[Found]) -> str:
    """One row per rung; the best by dev is bold. Multi-label sets have macro- and micro-F1 as well."""
    if not found:
        return "Nothing is finished."
    top = best(found)
    more = [
        key for key in ("macro_f1", "micro_f1") if found[0].metric.endswith("f1") and key in found[0].metrics
    ]
    header = [
        "rung",
        f"dev {found[0].metric}",
        "test",
        "95 % interval",
        *more,
        "processor, s",
        "epochs",
        "seeds",
    ]
    rows = []
    for one in found:
        extra = [f"{one.metrics[key] or 0:.3f}" for key in more]
        name = f"**{one.rung}**" if one is top else one.rung
        cells = [
            figure(one, one.dev),
            score(one),
            interval(one),
            *extra,
            "" if one.seconds is None else f"{one.seconds:,.1f}",
            f"{one.epochs:.3g}",
        ]
        rows.append([name, *cells, str(one.seeds)])
    return table(header, rows) + f"\n\n{found[0].count:,} tested."


def settings_line(about: DataSet) -> str:
    rungs_of: dict[str, list[str]] = {}
    for rung, values in about.settings.items():
        rungs_of.setdefault(" ".join(values), []).append("every rung" if rung == EVERY else rung)
    said = [f"{', '.join(rungs)} `{values}`" for values, rungs in rungs_of.items()]
    lines = [f"Settings beside the recipes: {'; '.join(said)}."] if said else []
    if about.vectors:
        rungs = ", ".join(about.vectors.rungs)
        lines.append(f"The embeddings of {rungs} begin with word vectors of `{about.vectors.command()}`.")
    return "\n".join(lines)


def measured_lines(found: list[Found]) -> str:
    """When and where; with the rungs, where they are not all of one day and machine."""
    rungs: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        rungs.setdefault(one.measured, []).append(one.rung)
    lines = [
        f"Measured {'; and '.join(measured)}" + (f" ({', '.join(names)})." if len(rungs) > 1 else ".")
        for measured, names in rungs.items()
    ]
    return "\n".join(lines)


def score(one: Found) -> str:
    return figure(one, one.test) + (f" ± {figure(one, one.spread)}" if one.spread is not None else "")


def interval(one: Found) -> str:
    return " to ".join(figure(one, bound) for bound in one.interval)


def figure(one: Found, value: float) -> str:
    """A score that reaches to 100, as BLEU, has a digit less than one that reaches to 1."""
    return told(one.metric, value)
