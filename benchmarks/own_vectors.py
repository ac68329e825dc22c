"""Word vectors for the rungs of a data set: `textladder vectors train` learns them from texts of the data
folder, whose labels, if they have any, it does not read. Made once, under benchmarks/out."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import OUT, data_folder


def plain_text(path: Path) -> Path:
    """The file, or, where it ends in a language (train.en.gz) and not in a format, a copy in .txt."""
    if len(path.name.split(".")[1]) > 2:
        return path
    copy = OUT / "data" / f"{path.parent.name}-{path.name.removesuffix('.gz')}.txt"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        whole = path.read_bytes()
        copy.write_bytes(gzip.decompress(whole) if path.suffix == ".gz" else whole)
    return copy


@dataclass(frozen=True)
class Vectors:
    """texts: files of the data folder, no dev or test among them. options: of the command, without those that
    say where files are. rungs: those whose embedding begins with the vectors."""

    texts: tuple[str, ...]
    options: tuple[str, ...]
    rungs: tuple[str, ...]

    def recipe(self) -> dict[str, Any]:
        """What decides how the vectors come out, as JSON gives it back."""
        return {"texts": list(self.texts), "options": list(self.options)}

    def command(self) -> str:
        """For a reader."""
        return " ".join(["textladder vectors train", *self.texts, *self.options])

    def key(self) -> str:
        """A short name that no other vectors have."""
        return hashlib.sha256(json.dumps(self.recipe(), sort_keys=True).encode()).hexdigest()[:8]

    def made(self) -> Path:
        """The folder of the vectors. Raises SystemExit if the command fails."""
        folder = OUT / "data" / f"vectors-{self.key()}"
        if not folder.exists():  # the command leaves a whole folder or none
            files = [str(plain_text(data_folder() / text)) for text in self.texts]
            command = [sys.executable, "-m", "textladder", "vectors", "train", *files, *self.options]
            if subprocess.run([*command, "--out", str(folder)], check=False).returncode:
                raise SystemExit(f"There are no word vectors: {' '.join(command)} failed.")
        return folder


SEQUENCES = ("rnn", "gru", "lstm", "bilstm", "cnn", "rescnn")
ENGLISH = Vectors(  # general and of films; questions
    ("wiki_2018/train.txt.gz", "imdb/train.csv.gz", "sst2/train.csv", "trec/train.csv"),
    ("--dim", "200", "--threads", "1", "--text", "text"),
    SEQUENCES,
)

GENERAL = Vectors(
    ("wiki_2018/train.txt.gz", "imdb/train.csv.gz"),
    ("--dim", "200", "--threads", "1", "--text", "text"),
    ("window", "cnn", "bilstm", "bidaf"),
)
CAPTIONS = Vectors(  # general, and captions, which most of these pairs are or are about: few, so five times
    ("wiki_2018/train.txt.gz", *["multi30k/train.en.gz"] * 5),
    ("--dim", "200", "--threads", "1"),
    ("bow", "decomposable", "cnn", "bilstm", "esim"),
)
WIKIPEDIA = Vectors(  # rare names too
    ("wiki_2018/train.txt.gz",),
    ("--dim", "200", "--threads", "1", "--min-count", "2", "--window", "3"),
    ("window", "bilstm-crf"),
)
