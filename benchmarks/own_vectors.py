"""Word vectors for the rungs of a data set: `textladder vectors train` learns them from texts of the data
folder, whose labels, if they have any, it does not read. Made once, under benchmarks/out."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import OUT, data_folder


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
            files = [str(data_folder() / text) for text in self.texts]
            command = [sys.executable, "-m", "textladder", "vectors", "train", *files, *self.options]
            if subprocess.run([*command, "--out", str(folder)], check=False).returncode:
                raise SystemExit(f"There are no word vectors: {' '.join(command)} failed.")
        return folder
