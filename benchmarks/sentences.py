"""Exact search over sentence vectors beside faiss: `python -m benchmarks.sentences`.

Queries a second of 100,000 vectors of 256 numbers, the ten nearest: one query at a time, and 64 at once. Each
system is a process of its own; they take turns, and medians are kept.
"""

from __future__ import annotations

import argparse
import json
import time

from benchmarks.harness import RECORDS, System, in_turns, medians, peers_python, versions
from benchmarks.records import command_of, stamp

SIZES = {"rows": 100_000, "dim": 256, "queries": 64, "top": 10}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(arguments)
    began = time.perf_counter()
    systems = [
        System("textladder", "benchmarks.ours.sentence_search", SIZES),
        System("faiss IndexFlatIP", "benchmarks.peers.faiss_flat", SIZES, python="peers"),
    ]
    results = {name: medians(each) for name, each in in_turns(systems, asked.repeats, asked.threads).items()}
    ours, faiss = results.values()
    assert ours["found"] == faiss["found"], "both searches are exact"
    ratios = {name: round(ours[name] / faiss[name], 2) for name in ours if name.startswith("queries")}
    record = {
        "sizes": SIZES,
        "results": results,
        "ratios": ratios,
        "versions": {"ours": versions(["numpy", "numba"]), "peers": versions(["faiss-cpu"], peers_python())},
        "command": command_of("benchmarks.sentences", arguments),
        **stamp(asked.repeats, asked.threads, began),
    }
    text = json.dumps(record, indent=1)
    (RECORDS / "sentences.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
