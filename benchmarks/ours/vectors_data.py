"""Files for the benchmarks of word vectors: one tokenised corpus for all systems, and made-up vectors."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import child
from benchmarks.harness import OUT, data_folder

LIMIT = 100_000  # words of the corpus of --quick


def corpus(quick: bool, repeats: int = 1) -> dict[str, Any]:
    """Wikipedia 2018 and the IMDB reviews, cut into words by our tokenizer, in lower case and without
    punctuation, a text on each line; the whole of it `repeats` times. {"file", "words": of the file}."""
    folder = OUT / "vectors"
    base = folder / ("corpus-quick.txt" if quick else "corpus.txt")
    if not base.exists():
        write_corpus(base, LIMIT if quick else None)
    words = int(base.with_suffix(".count").read_text())
    file = base if repeats == 1 else base.with_name(f"{base.stem}-x{repeats}.txt")
    if not file.exists():
        with file.open("wb") as out:
            for _ in range(repeats):
                out.write(base.read_bytes())
    return {"file": str(file), "words": words * repeats}


def write_corpus(path: Path, limit: int | None) -> None:
    from textladder.text.tokenizing import Tokenizer, TokenizerConfig

    cutter = Tokenizer.of_vocabulary([], TokenizerConfig(lowercase=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh, count = path.with_suffix(".new"), 0
    with fresh.open("w", encoding="utf-8") as file:
        for text in texts():
            words = [word for word in cutter.cut(text) if any(map(str.isalnum, word))]
            if words:
                file.write(" ".join(words) + "\n")
                count += len(words)
            if limit and count >= limit:
                break
    path.with_suffix(".count").write_text(str(count))
    fresh.replace(path)


def texts() -> Iterator[str]:
    with gzip.open(data_folder() / "wiki_2018" / "train.txt.gz", "rt", encoding="utf-8") as file:
        for line in file:
            if not line.startswith(" = "):
                yield line
    yield from child.read_csv(data_folder() / "imdb" / "train.csv.gz")[0]


def made_up(quick: bool) -> dict[str, Any]:
    """400,000 vectors of 300 numbers as word2vec writes them, text and binary: {"text", "binary", "queries"}.
    Normal numbers: what they mean does not matter for speed."""
    words, dim = (2000, 20) if quick else (400_000, 300)
    folder = OUT / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    text, binary = folder / f"made-up-{words}x{dim}.txt", folder / f"made-up-{words}x{dim}.bin"
    if not (text.exists() and binary.exists()):
        draw = np.random.default_rng(0)
        with text.open("w") as plain, binary.open("wb") as packed:
            plain.write(f"{words} {dim}\n")
            packed.write(f"{words} {dim}\n".encode())
            for start in range(0, words, 1000):
                block = draw.standard_normal((min(1000, words - start), dim)).astype(np.float32).round(5)
                for row, vector in enumerate(block, start):
                    plain.write(f"word{row} " + " ".join(map("%.5f".__mod__, vector.tolist())) + "\n")
                    packed.write(f"word{row} ".encode() + vector.tobytes() + b"\n")
    places = np.random.default_rng(1).integers(0, words, 400)
    return {"text": str(text), "binary": str(binary), "queries": [f"word{place}" for place in places]}


def job(make: str, **arguments: Any) -> dict[str, Any]:
    return {"corpus": corpus, "made_up": made_up}[make](**arguments)


if __name__ == "__main__":
    child.run(job)
