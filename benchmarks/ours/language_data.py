"""Texts for the benchmarks of language models: what is trained on, and what is held out, as plain files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.harness import OUT, data_folder

FOLDER = OUT / "language"
QUICK = 20_000  # characters trained on in --quick
HELD_OUT = 500_000  # characters that are judged, at most
SHARE = 0.9  # of tiny Shakespeare is trained on: the usual split
UNKNOWN = "unk"  # for words that the training text has not: no system then has units that it does not know


def shakespeare(quick: bool) -> dict[str, Any]:
    text = (data_folder() / "tiny_shakespeare" / "input.txt").read_text(encoding="utf-8")
    cut = int(SHARE * len(text))
    return parts("shakespeare", text[:cut], text[cut:], quick)


def wiki(quick: bool) -> dict[str, Any]:
    folder = data_folder() / "wiki_2018"
    train, held = (unzipped(folder / f"{part}.txt.gz") for part in ("train", "valid"))
    return parts("wiki", train, held, quick)


def words(quick: bool) -> dict[str, Any]:
    """WikiText-2's valid part (14 k kinds of words) to train on, its test part to judge."""
    folder = data_folder() / "wikitext2_eval"
    train, held = ((folder / f"{part}.txt").read_text(encoding="utf-8") for part in ("valid", "test"))
    train, held = cut_to(train, held, quick)
    train = train.replace("<unk>", UNKNOWN)
    known = {*train.split(), UNKNOWN}
    lines = [[word if word in known else UNKNOWN for word in line.split()] for line in held.splitlines()]
    return written("words", train, "\n".join(map(" ".join, lines)), quick)


def repeated(quick: bool, times: int) -> dict[str, Any]:
    """The training part of tiny Shakespeare so many times, one after the other; the same held-out text."""
    found = shakespeare(quick)
    if times > 1:
        train = Path(found["train"])
        file = train.with_name(f"{train.stem}-x{times}.txt")
        with file.open("wb") as out:
            for _ in range(times):
                out.write(train.read_bytes())
        found |= {"train": str(file), "characters": found["characters"] * times}
    return found


def parts(name: str, train: str, held: str, quick: bool) -> dict[str, Any]:
    return written(name, *cut_to(train, held, quick), quick)


def cut_to(train: str, held: str, quick: bool) -> tuple[str, str]:
    return (train[:QUICK], held[: QUICK // 8]) if quick else (train, held[:HELD_OUT])


def written(name: str, train: str, held: str, quick: bool) -> dict[str, Any]:
    """{"train", "held_out": files, "characters": trained on, "held_out_characters"}"""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made: dict[str, Any] = {}
    for part, text in (("train", train), ("held_out", held)):
        path = FOLDER / f"{name}-{part}{'-quick' if quick else ''}.txt"
        path.write_text(text, encoding="utf-8", newline="")
        made[part] = str(path)
    return made | {"characters": len(train), "held_out_characters": len(held)}


def unzipped(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return file.read()


def beginning(source: str, characters: int, quick: bool) -> str:
    """A file with the beginning of one of the data folder, cut at a line end: for tables of all rungs."""
    path = data_folder() / source
    text = unzipped(path) if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    size = QUICK if quick else characters
    text = text[: text.rfind("\n", 0, size) + 1] if len(text) > size else text
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{Path(source).parts[0]}{'-quick' if quick else ''}.txt"
    file.write_text(text, encoding="utf-8", newline="")
    return str(file)


def job(make: str, **arguments: Any) -> dict[str, Any]:
    return {"shakespeare": shakespeare, "wiki": wiki, "words": words, "repeated": repeated}[make](**arguments)


if __name__ == "__main__":
    child.run(job)
