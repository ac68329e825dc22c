"""Which columns hold the texts and which the label: by name, else by content, else a Problem that asks.

Every inference is said in a sentence (`Columns.notes`), so that it can be shown before anything is trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from textladder.errors import Problem, suggest

# The first of each is so plain that it wins over the others; among the others two matches are ambiguous.
# fmt: off
TEXT_NAMES: tuple[tuple[str, ...], ...] = (
    ("text", "texts"),
    (
        "sentence", "review", "content", "body", "tweet", "title", "question", "description", "comment",
        "comment_text", "phrase", "message", "document", "utterance", "query", "post", "headline",
        "abstract", "summary", "review_text", "review_body", "full_text", "sms", "email", "article",
        "name", "string", "input",
    ),
)
LABEL_NAMES: tuple[tuple[str, ...], ...] = (
    ("label", "labels"),
    (
        "class", "classes", "category", "categories", "target", "sentiment", "intent", "topic", "topics",
        "emotion", "emotions", "tag", "tags", "polarity", "rating", "stars", "score", "genre", "genres",
        "nationality", "language", "lang", "output", "y", "answer", "type", "spam", "is_spam", "gold",
        "gold_label", "entailment", "is_duplicate", "similarity", "relatedness",
    ),
)
# Of two texts: the first and the second. What comes earlier wins.
PAIR_NAMES: tuple[tuple[str, str], ...] = (
    ("text_a", "text_b"), ("text1", "text2"), ("text_1", "text_2"), ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"), ("sentence_a", "sentence_b"), ("premise", "hypothesis"),
    ("question1", "question2"), ("question_1", "question_2"), ("first", "second"), ("text", "second"),
    ("passage", "question"), ("context", "question"), ("anchor", "positive"), ("query", "positive"),
    ("query", "passage"), ("query", "document"), ("source", "target"), ("src", "tgt"), ("src", "trg"),
    ("document", "summary"), ("article", "summary"), ("question", "answer"), ("question", "sentence"),
    ("input", "output"),
)
# fmt: on
SEVERAL = {"labels", "classes", "categories", "topics", "emotions", "tags", "genres", "intents", "targets"}
BAR = "|"


NEGATIVE = ("negative", "negative_text", "hard_negative")  # a third text, not close to the first


@dataclass(frozen=True)
class Columns:
    text: str
    second: str | None  # of two texts
    label: str | None
    separator: str  # "": one label per text, unless the file holds lists
    negative: str | None = None  # of three texts
    notes: list[str] = field(default_factory=list)


def plain_name(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def known_name(name: str) -> bool:
    groups = (*TEXT_NAMES, *LABEL_NAMES, *PAIR_NAMES, NEGATIVE)
    return any(plain_name(name) in names for names in groups)


def choose_columns(
    where: str,
    columns: Sequence[str],
    sample: dict[str, list[Any]],
    *,
    text: str | None,
    label: str | None,
    separator: str | None,
    need_label: bool,
    second: str | None = None,
    negative: str | None = None,
    pairs: bool = False,
    matches: bool = False,
    labelled: bool = True,
) -> Columns:
    """The text and label columns of a file.

    columns: all names. sample: the first values of every column. text, second, negative, label, separator:
    what the user gave. need_label: False when texts are to be predicted; then a label is taken only where its
    name is plain. pairs: there are two texts; matches: there may be a third, by its name. labelled: False
    where no label is wanted. Raises a Problem for a name that is not there, and where the file does not make
    it plain.
    """
    if second is not None and not pairs:
        what = "one text is read of each row."
        raise Problem(f"{where}, --second {second}", what, "Leave it out, or use --task pair.")
    given = (("--text", text), ("--second", second), ("--label", label), ("data.negative", negative))
    for option, name in given:
        if name is not None and name not in columns:
            raise Problem(
                f"{where}, {option} {name}", f"there is no column {name!r}.", suggest(name, columns)
            )
    roles = (("text", text), ("second text", second), ("label", label), ("negative", negative))
    for (role, name), (other, same) in combinations(roles, 2):
        if name is not None and name == same:
            raise Problem(where, f"{name!r} is given as {role} and as {other}.", "Name two columns.")
    notes = []
    if matches and negative is None:
        named = (text, second, label)
        negative = _by_name(where, [c for c in columns if c not in named], [NEGATIVE], "", strict=False)
        if negative is not None:
            notes.append(f"Negative: column {negative!r}, by its name (data.negative to choose another).")
    if pairs and (text is None or second is None):
        free = [name for name in columns if name != negative]
        text, second, by = _two_texts(where, free, sample, given=(text, second), label=label)
        notes.append(f"Texts: columns {text!r} and {second!r}, {by} (--text and --second to choose others).")
    if text is None:
        taken = label or (
            _by_name(where, columns, LABEL_NAMES, "label", strict=False) if len(columns) > 1 else None
        )
        text = _by_name(where, [c for c in columns if c != label], TEXT_NAMES, "text", strict=True)
        by = "by its name"
        if text is None:
            text, by = (
                _text_by_content(where, [c for c in columns if c != taken], columns, sample),
                "by its content",
            )
        if len(columns) > 1 or text != "text":
            notes.append(f"Text: column {text!r}, {by} (--text to choose another).")
    others = [name for name in columns if name not in (text, second, negative)]
    if label is None and others and labelled:
        label, by = _by_name(where, others, LABEL_NAMES, "label", strict=need_label), "by its name"
        if label is None and need_label:
            label, by = _label_by_content(where, others, columns, sample), "by its content"
        if label is not None:
            notes.append(f"Label: column {label!r}, {by} (--label to choose another).")
    if label is None and need_label:
        raise Problem(
            where,
            f"no column holds labels (columns: {', '.join(columns)}).",
            "Give a file with a label for each text, or name the column with --label.",
        )
    unused = [name for name in others if name != label]
    if unused:
        notes.append(f"Not used: {', '.join(unused)}.")
    separator, said = _separator(label, sample, separator)
    return Columns(text, second, label, separator, negative, notes + said)


def _two_texts(
    where: str,
    columns: Sequence[str],
    sample: dict[str, list[Any]],
    *,
    given: tuple[str | None, str | None],
    label: str | None,
) -> tuple[str, str, str]:
    """The columns of two texts, of which one may be given, and how they were found."""
    text, second = given
    free = [name for name in columns if name not in (text, second, label)]
    if len(columns) < 2:
        raise Problem(
            where,
            f"a pair needs two texts, and there is one column ({columns[0] if columns else 'none'}).",
            "Give a CSV, TSV, JSONL or Parquet file with two texts on each row; with --task translate "
            "also two files of lines, the second behind the first, as behind --dev and --test.",
        )
    named = {plain_name(name): name for name in columns if name != label}
    for one, other in PAIR_NAMES:
        found = (named.get(one), named.get(other))
        if None not in found and text in (None, found[0]) and second in (None, found[1]):
            return str(found[0]), str(found[1]), "by their names"
    if label is None:
        taken = _by_name(where, free, LABEL_NAMES, "label", strict=False)
        free = [name for name in free if name != taken]
    shapes = {name: _shape(sample[name]) for name in free}
    texts = [n for n in free if shapes[n].numbers < 0.5 and (shapes[n].varied > 0.5 or shapes[n].length > 20)]
    chosen = [name for name in (text, second) if name is not None]
    if len(texts) + len(chosen) != 2:
        listed = ", ".join(columns)
        several = f"several columns may be the two texts: {', '.join(texts)}."
        fact = several if len(texts) + len(chosen) > 2 else "no two columns are plainly the texts."
        raise Problem(
            where, fact, f"Name them with --text COLUMN --second COLUMN. The columns are: {listed}."
        )
    found_texts = iter(texts)
    return text or next(found_texts), second or next(found_texts), "by their content"


def _by_name(
    where: str, columns: Sequence[str], known: Sequence[Sequence[str]], what: str, strict: bool
) -> str | None:
    for names in known:
        found = [name for name in columns if plain_name(name) in names]
        if len(found) == 1:
            return found[0]
        if found:
            if strict:
                raise _ambiguous(where, found, columns, what)
            return None
    return None


def _ambiguous(where: str, found: Sequence[str], columns: Sequence[str], what: str) -> Problem:
    listed = ", ".join(columns)
    fact = (
        f"several columns may be the {what}: {', '.join(found)}."
        if found
        else f"no column is plainly the {what}."
    )
    return Problem(where, fact, f"Name it with --{what} COLUMN. The columns are: {listed}.")


@dataclass(frozen=True)
class Shape:
    """What the values of a column look like."""

    length: float  # mean, in characters
    longest: int
    varied: float  # distinct values / values
    numbers: float  # share of values that are numbers


def _shape(values: list[Any]) -> Shape:
    strings = [
        BAR.join(map(str, v)) if isinstance(v, list) else str(v) for v in values if v not in (None, "")
    ]
    if not strings:
        return Shape(0, 0, 0, 0)
    lengths = [len(s) for s in strings]
    numbers = sum(s.replace(".", "", 1).lstrip("+-").isdigit() for s in strings)
    return Shape(
        sum(lengths) / len(lengths), max(lengths), len(set(strings)) / len(strings), numbers / len(strings)
    )


def _text_by_content(
    where: str, candidates: list[str], columns: Sequence[str], sample: dict[str, list[Any]]
) -> str:
    """The column of the longest texts: twice as long as the next, and not repeating itself."""
    if len(candidates) == 1:
        return candidates[0]
    shapes = {name: _shape(sample[name]) for name in candidates}
    texts = [name for name in candidates if shapes[name].numbers < 0.5 and shapes[name].varied > 0.5]
    texts.sort(key=lambda name: -shapes[name].length)
    if len(texts) == 1 or (texts and shapes[texts[0]].length >= 2 * shapes[texts[1]].length):
        return texts[0]
    raise _ambiguous(where, texts, columns, "text")


def _label_by_content(
    where: str, candidates: list[str], columns: Sequence[str], sample: dict[str, list[Any]]
) -> str:
    """The one column of short values that come back."""
    shapes = {name: _shape(sample[name]) for name in candidates}
    labels = [n for n in candidates if 0 < shapes[n].longest <= 100 and shapes[n].varied <= 0.5]
    if len(labels) == 1:
        return labels[0]
    raise _ambiguous(where, labels, columns, "label")


def _separator(label: str | None, sample: dict[str, list[Any]], given: str | None) -> tuple[str, list[str]]:
    """What separates several labels of one text, and a sentence about it.

    Inferred only where the column's name is a plural and most parts of the joined values recur elsewhere.
    """
    if given is not None or label is None:
        return given or "", []
    values = [value for value in sample.get(label, []) if isinstance(value, str)]
    parts = Counter(part for value in values for part in set(value.split(BAR)))
    joined = [part for value in values if BAR in value for part in value.split(BAR)]
    if not joined or sum(parts[part] > 1 for part in joined) <= len(joined) / 2:
        return "", []
    if plain_name(label) in SEVERAL:
        return BAR, [f"Several labels per text, joined by {BAR!r} (--set data.label_separator= otherwise)."]
    return "", [
        f"Some values of {label!r} hold {BAR!r} and are read as one label each; "
        f"if they are several labels: --set data.label_separator={BAR!r}."
    ]
