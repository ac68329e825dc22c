"""README's other commands: all run as they stand there, on small invented files of the names it uses.

Training stops after a few steps: what is shown is that commands are understood and end well, not how good
a model is. The table of `compare languages` is not made again: it takes minutes, and its seconds are another
machine's.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import reference
from tests.program import environment

README = (reference.ROOT / "README.md").read_text(encoding="utf-8")
FEW = "--set training.max_steps=20"
WHO, WHERE = ("Ada", "Bob", "Eve", "Kim"), ("Rome", "Oslo", "Paris", "London")


def commands() -> list[str]:
    """Those of the console blocks that make a run, then all that stand alone, in order."""
    first = [command for command, _ in reference.blocks(README) if " train " in command]
    listed = re.findall(r"^    ((?:textladder|printf) .*?)(?:  +#.*)?$", README, re.M)
    return [*first, *listed, *re.findall(r"`(torchrun [^`]+)`", README)]


def shortened(command: str) -> str:
    return f"{command} {FEW}" if re.search(r"textladder (train|compare) ", command) else command


def write_files(folder: Path) -> None:
    """All files that the commands read."""

    def write(name: str, lines: list[str]) -> None:
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    facts = [(who, where, n) for n in range(12) for who in WHO for where in WHERE]
    (folder / "docs").symlink_to(reference.ROOT / "docs")
    for name in ("reviews.csv", "test.csv"):
        shutil.copy(reference.ROOT / "docs" / "reviews.csv", folder / name)
    write("texts.txt", ["A tender and moving film.", "A clumsy film."])
    write("names.conll", [f"{who} B-PER\nlived O\nin O\n{where} B-LOC\n{n} O\n" for who, where, n in facts])
    tags = ("PROPN", "VERB", "ADP", "PROPN", "NUM")
    rows = [zip((who, "lived", "in", where, str(n)), tags, strict=True) for who, where, n in facts]
    tagged = [[f"{i}\t{w}\t_\t{t}" + "\t_" * 6 for i, (w, t) in enumerate(row, 1)] for row in rows]
    write("train.conllu", ["\n".join([*lines, ""]) for lines in tagged])
    pairs = [
        {
            "text_a": f"{who} lived in {where} {n}",
            "text_b": f"{who} was in {where if n % 2 else 'a boat'}",
            "label": "entailment" if n % 2 else "neutral",
        }
        for who, where, n in facts
    ]
    write("pairs.jsonl", [json.dumps(pair) for pair in pairs])
    asked = [
        {
            "context": f"{who} lived in {where} {n}.",
            "qas": [
                {
                    "id": f"{who}{where}{n}",
                    "question": f"Where did {who} live?",
                    "answers": [{"text": where, "answer_start": len(f"{who} lived in ")}],
                }
            ],
        }
        for who, where, n in facts
    ]
    write("squad.json", [json.dumps({"version": "1.1", "data": [{"title": "", "paragraphs": asked}]})])
    for name, some in (("train", facts), ("val", facts[:20]), ("test", facts[20:40])):
        write(f"{name}.en", [f"{who} lived in {where} {n}" for who, where, n in some])
        write(f"{name}.de", [f"{who} lebte in {where} {n}" for who, where, n in some])
    write("play.txt", ["ROMEO: To be or not to be.", "JULIET: To be, and not to ask.", ""] * 200)
    write("speech.txt", ["ROMEO: To ask or not to ask."])
    court = "the king and the queen of the old land saw a man and a woman by the gate at the end of day"
    write("corpus.txt", ["two dogs play in the snow", court, "a cat sleeps"])
    (folder / "corpus.txt.gz").write_bytes(gzip.compress(f"{court}\n".encode() * 200))


@pytest.mark.quality  # some two minutes
def test_the_other_commands_of_readme_run(tmp_path: Path) -> None:
    write_files(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = environment(PATH=path, PYTHONPATH=str(reference.ROOT))
    run = commands()
    assert len(run) >= 25
    for command in map(shortened, run):
        ended = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=tmp_path,
            env=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr[-2000:]}"
        written = re.search(r" > (\S+)$", command)
        assert (tmp_path / written[1]).stat().st_size if written else ended.stdout, f"{command} said nothing"
    assert (tmp_path / "map.html").is_file()
