"""A saved model on a file: scores of labelled texts (language models: of any), predictions of any texts."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from textladder.errors import Problem
from textladder.loading import load_model
from textladder.model import Model
from textladder.preparing import Part, builtin_corpora, suited_to
from textladder.run import score_summary
from textladder.tasks.translated import Written
from textladder.text.corpus import Corpus
from textladder.text.formats import ENDINGS, format_of, open_reader
from textladder.text.items import ItemSource
from textladder.text.opening import LIMIT_BYTES, UTF8_MARK, check_file, plain_suffix
from textladder.text.overlong import CutReport
from textladder.text.parallel import open_translations
from textladder.text.questions import open_questions
from textladder.text.reading import BATCH_ROWS, DataConfig, Source, open_source
from textladder.text.sentences import open_sentences
from textladder.text.two_files import refuse_two
from textladder.training.devices import pick_device
from textladder.translating import translator

READ_BYTES = 1 << 18  # of stdin at once, at most
TEXT_ENDINGS = (".txt", ".csv", ".tsv", ".parquet")  # of files of texts that a tagger cuts into tokens itself
FEW = 256  # sentences that are predicted together


def evaluate_file(
    folder: Path,
    file: str,
    device: str = "auto",
    settings: list[str] | None = None,
    said: Path | None = None,
    *,
    others: Sequence[Path] = (),
) -> dict[str, Any]:
    """Score the model in `folder` on the texts of `file`, or on the test part of a built-in data set.

    settings: "data.key=value", which override how the training files were read. said: of a translator, a file
    of lines that are scored in place of what it writes. others: folders of translators that write with it.
    Returns task, rung, metric, score, interval, count, scores (every metric by name), details (tables), notes
    (on how the file was read and what was mended or left out, on labels that training did not know, on
    over-long texts); of a language model what `score` returns.
    Raises Problem for a wrong file and for labels that the model was not trained with.
    """
    if said is not None and others:
        raise Problem("--said, --ensemble", "what is given need not be written.", "Give one of them.")
    on = str(pick_device(device))
    model = translator(folder, on, others) if others else load_model(folder, on)
    if not (isinstance(model, Model) and model.task.reads == "translations"):
        if said is not None:
            raise Problem("--said", "only translations can be given.", "Leave it out, or name a translator.")
        refuse_two(file)
    if model.task.streams:
        from textladder.scoring import opened

        with opened(folder, file, device, settings, model=model) as scored:
            return scored.summary()
    assert isinstance(model, Model)
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        corpus = labelled(model, file, settings, Path(work))
        part = Part(corpus, np.arange(len(corpus)), searched=model.task.reads == "matches")
        notes = list(corpus.notes)
        if said is None:
            notes += model.task.check(part.golds, Path(file).name)  # may be a Problem for unknown labels
            cuts: list[CutReport] = []
            outcomes = model.task.joined([model.predict(texts, cuts) for texts in part.inputs()])
            notes += sum(cuts, CutReport()).notes(model.recipe.tokenizer)
        else:
            outcomes = _given(said, len(corpus))
        summary = score_summary(model, outcomes, part) | {"notes": notes}
    return {
        "task": model.recipe.task_name,
        "rung": model.recipe.rung,
        "metric": model.task.headline,
        "higher_is_better": model.task.higher_is_better,
        **summary,
    }


def _given(file: Path, count: int) -> list[Written]:
    """The lines of a file as translations of so many texts."""
    check_file(file)
    lines = [str(row[0]) for _, row in open_reader(file, "text", None, None, None).rows(["text"])]
    if len(lines) != count:
        raise Problem(
            str(file), f"it has {len(lines):,} lines, for {count:,} texts.", "Give a line for each."
        )
    return [Written.given(line) for line in lines]


def predictions(
    folder: Path,
    file: str,
    device: str = "auto",
    settings: list[str] | None = None,
    report: Callable[[str], None] = lambda said: None,
) -> Iterator[list[dict[str, Any]]]:
    """What the model says of each text, in order, some texts at a time; memory stays flat.

    `file` is "-" for one text a line on stdin (of pairs, both with a tab between them; of questions,
    JSON): what has arrived is answered, without waiting for more. report: is told at the end what was done
    to over-long texts.
    """
    model = load_model(folder, str(pick_device(device)))
    if not isinstance(model, Model) or model.task.streams:
        raise Problem(
            str(folder),
            "this is a language model: it has no label to say of a text.",
            "Use textladder generate for new text, textladder score for what a text costs it.",
        )
    return _presented(model, texts_of(model, file, settings), report)


def _presented(
    model: Model, chunks: Iterator[list[Any]], report: Callable[[str], None]
) -> Iterator[list[dict[str, Any]]]:
    cut = CutReport()
    for texts in map(model.task.read, chunks):
        cuts: list[CutReport] = []
        yield model.task.present(model.predict(texts, cuts), texts)
        cut = sum(cuts, cut)
    for note in cut.notes(model.recipe.tokenizer):
        report(note)


def texts_of(model: Model, file: str, settings: list[str] | None) -> Iterator[list[Any]]:
    """The texts of a file, or of stdin ("-"), some at a time."""
    if file != "-":
        return _file(model, file, settings)
    return _stdin({"pairs": _pair, "questions": _question}.get(model.task.reads, _text))


def line_of(said: dict[str, Any]) -> str:
    """A prediction as text: label, tab, confidence; several labels of a text are joined by |; a number by
    itself, a vector as a JSON array. Of a tagger lines of token, tab, tag, and an empty one after each text;
    of questions answer, tab, confidence."""
    if "translation" in said:
        return f"{one_line(said['translation'])}\t{said['confidence']:.4f}"
    if "vector" in said:
        return json.dumps(said["vector"])
    if "score" in said:
        return f"{said['score']:.4f}"
    if "tags" in said:
        tokens = (said["text"][start:end] for start, end in said["tokens"])
        rows = [f"{one_line(token)}\t{tag}" for token, tag in zip(tokens, said["tags"], strict=True)]
        return "\n".join([*rows, ""])
    if "n_best" in said:
        return f"{one_line(said['answer'] or '')}\t{said['confidence']:.4f}"
    if "labels" not in said:
        return f"{one_line(said['label'])}\t{said['confidence']:.4f}"
    shares = [f"{said['probabilities'][label]:.4f}" for label in said["labels"]]
    return f"{'|'.join(map(one_line, said['labels']))}\t{'|'.join(shares)}"


def one_line(label: str) -> str:
    """A label with white space as blanks: it must not part columns or lines (--json has it exactly)."""
    return " ".join(label.split())


def labelled(model: Model, file: str, settings: list[str] | None, work: Path) -> Corpus:
    """The texts of a file with their targets, or the test part of a built-in data set, kept in `work`."""
    if not Path(file).exists() and (corpora := _builtin(model, file)):
        return corpora["test"]
    if model.task.marks:
        return Corpus.read(_items(model, file, settings, need_label=True), work / "corpus")
    if model.task.reads == "translations":
        config = replace(model.recipe.data, format=None, max_ratio=0.0)
        given = replace(model.recipe, data=config).set(settings or []).data
        return Corpus.read(open_translations(file, given), work / "corpus")
    return Corpus.read(_source(model, file, settings, need_label=True), work / "corpus")


def _items(model: Model, file: str, settings: list[str] | None, need_label: bool) -> ItemSource:
    """A file of tokens, or of questions, read as the training file was."""
    check_file(Path(file))
    config = replace(model.recipe.data, format=None)
    given = replace(model.recipe, data=config).set(settings or []).data
    opened = open_questions if model.task.reads == "questions" else open_sentences
    return opened(file, given, need_label=need_label)


def _builtin(model: Model, name: str) -> dict[str, Corpus]:
    """The parts of a built-in data set, if this is one. Raises Problem for data of another task."""
    from textladder.builtin import BUILTIN

    if name not in BUILTIN or model.task.texts_a_row > 1:  # none has two texts and a target
        return {}
    suited_to(name, model.task.reads)
    return builtin_corpora(name)


def _source(model: Model, file: str, settings: list[str] | None, need_label: bool) -> Source:
    """A file read as the training file was; the columns of plain text and fastText files have no names."""
    check_file(Path(file))
    config: DataConfig = replace(model.recipe.data, max_ratio=0.0)  # of the training file
    if model.task.reads == "translations":  # of each row the source; lines of text end in .en as well
        known = ENDINGS.get(plain_suffix(Path(file)))
        config = replace(config, second=None, format=known or "text", text=config.text if known else None)
    if format_of(Path(file), config.format) in ("text", "fasttext"):
        config = replace(config, text=None, label=None)
    if not need_label:
        config = replace(config, label=None)
    pairs, matches = model.task.reads == "pairs", model.task.reads == "matches"
    if not need_label:  # every pair gets its answer, of those that belong together each text by itself
        config = replace(config, empty="keep")
        config = replace(config, second=None, negative=None) if matches else config
    given = replace(model.recipe, data=config).set(settings or [])
    matches = matches and need_label
    needed = need_label and not matches
    return open_source(file, given.data, need_label=needed, pairs=pairs, matches=matches)


def _file(model: Model, file: str, settings: list[str] | None) -> Iterator[list[Any]]:
    if not Path(file).exists() and (corpora := _builtin(model, file)):
        examples = corpora["test"].examples()
        return ([example.texts[0]] for example in examples)
    if model.task.marks and (model.task.reads == "questions" or plain_suffix(Path(file)) not in TEXT_ENDINGS):
        examples = _items(model, file, settings, need_label=False).examples()
        return iter(lambda: list(islice(examples, FEW)), [])
    batches = _source(model, file, settings, need_label=False).batches()
    return (
        rows.texts if rows.seconds is None else list(zip(rows.texts, rows.seconds, strict=True))
        for rows in batches
    )


def _stdin(read: Callable[[bytes, int], Any]) -> Iterator[list[Any]]:
    """The lines of stdin, those that have arrived at a time. read: what is made of a line and its number."""
    if sys.stdin is None:
        raise Problem("stdin", "it is closed.", "Give a file, or pipe texts in, one a line.")
    if sys.stdin.isatty():
        sys.stderr.write("Type texts, one a line; end with Ctrl-D.\n")
    number, rest = 0, b""
    stdin: Any = sys.stdin.buffer  # read1: what is there, without waiting for all of it
    reads = iter(lambda: stdin.read1(READ_BYTES), b"")
    for block in chain(reads, [b""]):
        whole = rest + block
        end = whole.rfind(b"\n") + 1 if block else len(whole)
        if len(whole) - end > LIMIT_BYTES:
            what = f"it is longer than {LIMIT_BYTES >> 20} MiB."
            raise Problem(f"stdin, line {number + 1:,}", what, "Put one text on each line.")
        lines, rest = whole[:end].removesuffix(b"\n").split(b"\n") if end else [], whole[end:]
        texts = [read(line, number + i) for i, line in enumerate(lines, start=1)]
        number += len(lines)
        for start in range(0, len(texts), BATCH_ROWS):
            yield texts[start : start + BATCH_ROWS]


def _pair(line: bytes, number: int) -> tuple[str, str]:
    texts = _text(line, number).split("\t")
    if len(texts) != 2:
        what = f"{len(texts) - 1} tabs are in it, and two texts have one between them."
        raise Problem(f"stdin, line {number:,}", what, "Write: one text, tab, the other text.")
    return texts[0], texts[1]


def _question(line: bytes, number: int) -> tuple[str, str]:
    try:
        record = json.loads(_text(line, number))
        passage, question = record.get("passage", record.get("context")), record["question"]
    except (ValueError, RecursionError, KeyError, AttributeError):
        passage = question = None
    if not (isinstance(passage, str) and isinstance(question, str)):
        what = "this is no passage with a question."
        raise Problem(f"stdin, line {number:,}", what, 'Write {"passage": "...", "question": "..."}.')
    return passage, question


def _text(line: bytes, number: int) -> str:
    if b"\0" in line:
        raise Problem(f"stdin, line {number:,}", "there is a NUL byte in it; text has none.", "Is it text?")
    try:
        return (line.removeprefix(UTF8_MARK) if number == 1 else line).removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            f"stdin, line {number:,}",
            f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8.",
            "Convert it, for example with: iconv -f WINDOWS-1252 -t UTF-8",
        ) from error
