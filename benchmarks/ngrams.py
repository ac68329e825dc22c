"""Counted language models beside KenLM: `python -m benchmarks.ngrams --programs FOLDER`.

    python -m benchmarks.ngrams [--programs FOLDER] [--orders 3,5] [--repeats 3] [--threads 2] [--limit LINES]

FOLDER holds lmplz, build_binary and query, built from KenLM's sources (`pip download kenlm==0.3.0` has them;
cmake and Boost build them). Without --programs ours is measured alone. Articles of Wikipedia 2018, a
paragraph a text, cut at white space; --limit takes the first lines, to try the programs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    OUT,
    RECORDS,
    System,
    data_folder,
    in_turns,
    machine,
    medians,
    table,
    today,
)
from benchmarks.jobs import Job, Line
from benchmarks.speed import MET, figure, reach

RESULTS = RECORDS / "ngrams.json"
ODD = {"<unk>", "<s>", "</s>"}  # lmplz refuses them as words
ORDERS = range(1, 8)
REPEATS = 8  # of the text that is scored, so that there is something to measure


def files(folder: Path, limit: int) -> dict[str, Any]:
    """The corpus as both read it: words parted by one space; how many words each part has."""
    made: dict[str, Any] = {}
    for part in ("train", "valid"):
        path, words = folder / f"{part}.txt", 0
        with (
            gzip.open(data_folder() / "wiki_2018" / f"{part}.txt.gz", "rt", encoding="utf-8") as source,
            path.open("w", encoding="utf-8", newline="\n") as target,
        ):
            lines = (line.split() for line in source if line.strip())
            for number, line in enumerate(lines):
                if limit and number >= limit:
                    break
                words += len(line)
                target.write(" ".join("*" if word in ODD else word for word in line) + "\n")
        made |= {part: str(path), f"{part}_words": words, f"{part}_lines": number + 1}
    return made


def job(order: int, made: dict[str, Any], folder: Path, programs: str | None, prune: list[int]) -> Job:
    """One order: counting and estimating, scoring, and whether KenLM reads ours as we mean it."""
    train, valid = made["train"], made["valid"]
    tokens = made["valid_words"] + made["valid_lines"]
    mine, theirs = f"ours, order {order}", f"lmplz, order {order}"
    own = {"order": order, "prune": prune, "train": train, "valid": valid, "repeats": REPEATS}
    own |= {"folder": str(folder / f"ours-{order}"), "arpa": str(folder / f"ours-{order}.arpa")}
    systems = [System(mine, "benchmarks.ours.ngrams", {**own, "estimator": "kneser-ney"})]
    if programs is None:
        return Job(systems, [])
    arpa = str(folder / f"lmplz-{order}.arpa")
    counted = {"programs": programs, "train": train, "words": made["train_words"], "order": order}
    systems.append(System(theirs, "benchmarks.peers.kenlm_lmplz", {**counted, "arpa": arpa, "prune": prune}))
    for name, file in (("query, lmplz's", arpa), ("query, ours", own["arpa"])):
        asked = {"programs": programs, "arpa": file, "text": valid, "words": tokens, "repeats": REPEATS}
        systems.append(System(f"{name} {order}", "benchmarks.peers.kenlm_query", asked))
    return Job(systems, lines(order))


def lines(order: int) -> list[Line]:
    """What is asked of one order, of the systems of `job`."""
    mine, theirs = f"ours, order {order}", f"lmplz, order {order}"
    query, again = f"query, lmplz's {order}", f"query, ours {order}"
    what, rate, many = f"order {order}:", "words_per_second", "words/s"
    held = "training_peak_memory_mb"
    return [
        Line(f"{what} ids to model", mine, rate, many, "higher", 1.0, theirs),
        Line(f"{what} text file to model", mine, f"all_{rate}", many, "higher", 1.0, theirs, rate),
        Line(f"{what} processor time", mine, "processor_seconds", "s", "lower", None, theirs),
        Line(f"{what} peak memory", mine, held, "MB", "lower", None, theirs),
        Line(f"{what} scoring", mine, f"query_{rate}", many, "higher", 0.3, query, rate),
        # Too low is as wrong as too high: probabilities that sum up to more than one give that.
        Line(f"{what} perplexity, theirs scored by KenLM", mine, "perplexity", "", "equal", 1.001, query),
        Line(f"{what} perplexity, ours scored by KenLM", mine, "perplexity", "", "equal", 1.0001, again),
    ]


def judged(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of what was measured, by what is asked today. found: the figures of each system."""
    orders = [
        order for order in ORDERS if f"ours, order {order}" in found and f"lmplz, order {order}" in found
    ]
    return [line.row(found) for order in orders for line in lines(order)]


def rows_table(found: dict[str, Any]) -> str:
    """Of `judged`. What should be equal is shown to seven digits: three would hide what is asked."""
    cells = []
    for row in judged(found):
        shown = [figure(row[key], row["unit"]) for key in ("ours", "theirs")] + [figure(row["ratio"])]
        if row["better"] == "equal":
            shown = ["" if row[key] is None else f"{row[key]:#.7g}" for key in ("ours", "theirs", "ratio")]
        cells.append([row["what"], *shown, reach(row), MET[row["met"]]])
    return table(["", "ours", "KenLM", "ratio", "asked", "met"], cells)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ngrams", description=__doc__.splitlines()[0])
    parser.add_argument("--programs", help="folder with lmplz, build_binary and query")
    parser.add_argument("--orders", default="3,5")
    parser.add_argument("--prune", default="0", help="thresholds as lmplz takes them, separated by commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args(arguments)
    programs = str(Path(options.programs).resolve()) if options.programs else None
    OUT.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ngrams-", dir=OUT) as name:
        folder = Path(name)
        made = files(folder, options.limit)
        print(f"{made['train_words']:,} words to count, {made['valid_words']:,} to score", flush=True)
        for order in map(int, options.orders.split(",")):
            prune = [int(value) for value in options.prune.split(",")][:order]
            asked = job(order, made, folder, programs, prune)
            results = in_turns(asked.systems, options.repeats, options.threads)
            found |= {system: medians(runs) for system, runs in results.items()}
    print(rows_table(found))
    if not options.limit:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        kept = {"date": today(), "machine": machine(), "rows": judged(found), "medians": found}
        RESULTS.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
