"""Files that all systems of a job read: the same rows, in the same order, cut by the same tokenizer."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import child
from benchmarks.harness import OUT, data_folder

DROPPED = 0.2  # share of the words left out of a repeated row, so that no two rows are the same


def shuffled(name: str, limit: int) -> dict[str, str]:
    """{"train", "dev", "test"}.csv and .txt (fastText's format, tokenised) of a data set."""
    from textladder.text.tokenizing import Tokenizer, TokenizerConfig

    folder, cutter = OUT / "data" / f"{name}-{limit or 'all'}", Tokenizer.of_vocabulary([], TokenizerConfig())
    parts = ("train", "dev", "test")
    for part in parts:
        if (folder / f"{part}.csv").exists() and (folder / f"{part}.txt").exists():
            continue
        texts, labels = child.read_csv(data_folder() / name / f"{part}.csv")
        rows = list(zip(texts, labels, strict=True))
        random.Random(0).shuffle(rows)  # some files lie in long runs of one label
        rows = rows[:limit] if limit else rows
        write_csv(folder / f"{part}.csv", rows)
        write_labelled_lines(folder / f"{part}.txt", ((" ".join(cutter.cut(t)), y) for t, y in rows))
    return {f"{part}_{kind}": str(folder / f"{part}.{kind}") for part in parts for kind in ("csv", "txt")}


def many(count: int, limit: int) -> dict[str, str]:
    """`count` rows: those of AG News again and again, each time with other words left out (seeded)."""
    base = shuffled("ag_news", limit)
    path = OUT / "data" / f"ag_news-{limit or 'all'}-{count}.txt"
    if not path.exists():
        rows = [(text.split(), label) for text, label in child.read_labelled_lines(base["train_txt"])]
        write_labelled_lines(path, dropped(rows, count))
    return base | {"train_txt": str(path)}


def dropped(rows: list[tuple[list[str], str]], count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """`count` rows, each one of `rows` with a random share of its words left out (never all)."""
    generator = np.random.default_rng(seed)
    order: list[int] = []
    for _ in range(count):
        if not order:
            order = generator.permutation(len(rows)).tolist()
        words, label = rows[order.pop()]
        kept = generator.random(len(words)) >= DROPPED
        yield " ".join([w for w, keep in zip(words, kept, strict=True) if keep] or words[:1]), label


def imdb(limit: int) -> dict[str, str]:
    """The training reviews as one plain CSV file, and tokenizers learnt from them."""
    from textladder.text.tokenizing import Tokenizer, TokenizerConfig

    folder = OUT / "data" / f"imdb-{limit or 'all'}"
    file = folder / "train.csv"
    if not file.exists():
        texts, labels = child.read_csv(data_folder() / "imdb" / "train.csv.gz")
        rows = list(zip(texts, labels, strict=True))
        write_csv(file, rows[:limit] if limit else rows)
    found = {"csv": str(file)}
    for units in ("word", "bpe"):
        path = folder / f"{units}.json"
        if not path.exists():
            texts = child.read_csv(file)[0][:5000]
            Tokenizer.fit([texts], TokenizerConfig(units=units)).save(path)
        found[units] = str(path)
    return found


def repeated(limit: int, repeats: int) -> dict[str, str]:
    """The reviews `repeats` times in one file, as CSV and in fastText's format. The caller removes it."""
    base = Path(imdb(limit)["csv"])
    folder = base.parent / f"x{repeats}"
    folder.mkdir(exist_ok=True)
    lines = base.with_name("train.txt")
    if not lines.exists():
        from textladder.text.tokenizing import Tokenizer, TokenizerConfig

        cutter = Tokenizer.of_vocabulary([], TokenizerConfig())
        texts, labels = child.read_csv(base)
        rows = zip(texts, labels, strict=True)
        write_labelled_lines(lines, ((" ".join(cutter.cut(t)), y) for t, y in rows))
    for source in (base, lines):
        header, _, body = source.read_text(encoding="utf-8").partition("\n")
        with (folder / source.name).open("w", encoding="utf-8", newline="") as file:
            file.write(f"{header}\n")
            for number in range(repeats):
                # Of lines in fastText's format the first is a row like any other.
                file.write(f"{header}\n" if number and source == lines else "")
                file.write(body)
    return {"csv": str(folder / "train.csv"), "txt": str(folder / "train.txt")}


def write_csv(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)


def write_labelled_lines(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {text}\n" for text, label in rows)


def job(make: str, **arguments: Any) -> dict[str, Any]:
    makers = {"shuffled": shuffled, "many": many, "imdb": imdb, "repeated": repeated}
    return dict(makers[make](**arguments))


if __name__ == "__main__":
    child.run(job)
