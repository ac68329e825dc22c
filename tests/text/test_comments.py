"""Sentences of tagged tokens as rows: what comments say of them are columns."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from textladder.errors import Problem
from textladder.text.reading import DataConfig, open_source

INTENTS = "# newdoc\n# intent = fly#fare\nto O\nRome B-to\n\nwhen O\n\n# intent = stop\n#1 O\n"


def rows(path: Path, **config: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(example.texts[0], example.target) for example in open_source(path, DataConfig(**config))]


def test_sentences_of_tagged_tokens_with_what_comments_say_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.conll.gz"
    path.write_bytes(gzip.compress(INTENTS.encode()))
    source = open_source(path, DataConfig(unlabelled="drop"))
    assert "Label: column 'intent', by its name (--label to choose another)." in source.notes
    assert [(e.texts, e.target, e.where) for e in source] == [
        (("to Rome",), ("fly#fare",), "a.conll.gz:3"),
        (("#1",), ("stop",), "a.conll.gz:9"),
    ]
    assert source.report() == ["1 rows without a label were left out (line 6)."]
    every = open_source(path, DataConfig(label_separator="#", unlabelled="keep"))
    assert [example.target for example in every] == [("fly", "fare"), (), ("stop",)]
    universal = tmp_path / "u.conllu"
    line = "{}\t{}\t_\tX\t_\t_\t_\t_\t_\t{}\n"
    head = "# sent_id = 7\n# genre = news\n# text = not this\n"
    universal.write_text(
        head + line.format(1, "it", "SpaceAfter=No") + line.format(2, "'s", "_"), encoding="utf-8"
    )
    assert rows(universal, label="genre") == [("it's", ("news",))]
    assert rows(universal, label="sent_id") == [("it's", ("7",))]
    bare = tmp_path / "b.iob"
    bare.write_text("a\tO\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"(?s)no comment says anything.*--task tag"):
        open_source(bare)
    (example,) = open_source(bare, need_label=False)
    assert (example.texts, example.target) == (("a",), ())
