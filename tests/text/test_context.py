"""Tokens around a sentence, against looking them up in whole documents."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from textladder import Problem
from textladder.ragged import Example
from textladder.text.alignment import align
from textladder.text.context import Surrounded, with_context
from textladder.text.corpus import Corpus
from textladder.text.reading import DataConfig
from textladder.text.sentences import Sentence, open_sentences, rebuilt
from textladder.text.tokenizing import Tokenizer, TokenizerConfig


def documents(seed):
    """Documents of sentences of words; sentences may be of one token, documents of one sentence."""
    draw = random.Random(seed)
    sizes = [[draw.randint(1, 5) for _ in range(draw.randint(1, 6))] for _ in range(8)]
    return [[[f"w{draw.randint(0, 99)}" for _ in range(n)] for n in document] for document in sizes]


def looked_up(document, place, count):
    before = list(chain.from_iterable(document[:place]))
    after = list(chain.from_iterable(document[place + 1 :]))
    return before[max(len(before) - count, 0) :], after[:count]


@pytest.mark.parametrize("count", [1, 3, 7, 100])
def test_around_is_what_stands_there_in_the_document(count):
    given = documents(count)
    sentences = [
        Sentence(*rebuilt(words, [True] * len(words)), (), 0, number)
        for number, document in enumerate(given)
        for words in document
    ]
    wanted = [looked_up(d, place, count) for d in given for place in range(len(d))]
    made = list(with_context(sentences, count))
    assert [tuple(map(list, sentence.around)) for sentence in made] == wanted
    assert [sentence.text for sentence in made] == [sentence.text for sentence in sentences]
    assert list(with_context(sentences, 0)) == sentences


@pytest.mark.parametrize(
    ("name", "begin", "token"),
    [
        ("a.conll", "-DOCSTART- X\n\n", "{word} N\n"),
        ("a.conllu", "# newdoc id = 1\n", "{number}\t{word}\t_\tN\t_\t_\t_\t_\t_\t_\n"),
    ],
)
def test_files_say_where_documents_begin(tmp_path, name, begin, token):
    given = documents(0)
    blocks = [
        begin * (place == 0)
        + "".join(token.format(word=word, number=n) for n, word in enumerate(sentence, 1))
        for document in given
        for place, sentence in enumerate(document)
    ]
    path = tmp_path / name
    path.write_text("\n".join([*blocks, ""]), encoding="utf-8")
    source = open_sentences(path, DataConfig(context=4))
    corpus = Corpus.read(source, tmp_path / "corpus")
    wanted = [looked_up(d, place, 4) for d in given for place in range(len(d))]
    for examples in (list(corpus.examples()), list(source.examples())):
        assert [tuple(map(list, example.around)) for example in examples] == wanted
    assert f"{len(given)} documents" in "".join(source.notes)
    assert next(iter(open_sentences(path, DataConfig()).examples())).around is None


def test_json_lines_say_their_document(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"tokens": ["a"], "tags": ["X"], "document": 7}\n{"tokens": ["b"], "tags": ["Y"], "document": 7}\n'
        '{"tokens": ["c"], "tags": ["X"], "document": "other"}\n',
        encoding="utf-8",
    )
    around = [example.around for example in open_sentences(path, DataConfig(context=2)).examples()]
    assert around == [((), ("b",)), (("a",), ()), ((), ())]
    path.write_text('{"tokens": ["a"], "tags": ["X"]}\n', encoding="utf-8")
    with pytest.raises(Problem, match="of which document"):
        open_sentences(path, DataConfig(context=2))


@pytest.mark.parametrize("units", ["whitespace", "character", "bpe"])
def test_only_own_tokens_count_and_all_is_read(units):
    """Of each own token the first unit is the one that the whole text as one sentence would give."""
    examples = [
        Example(("see it",), None, tokens=((0, 3), (4, 6)), around=(("one", "two"), ("!",))),
        Example(("alone",), None, tokens=((0, 5),)),
        Example(("",), None, tokens=(), around=(("x",), ("y",))),
    ]
    texts = ["one two see it !", "alone", "x  y"]
    tokenizer = Tokenizer.fit([texts], TokenizerConfig(units=units, min_count=1))
    given = Surrounded.of(examples)
    assert given.texts == texts
    aligned = given.own(align(tokenizer, given.texts, given.tokens))
    whole = align(tokenizer, texts[:1], [[(0, 3), (4, 7), (8, 11), (12, 14), (15, 16)]])
    assert aligned.units[0].tolist() == whole.units[0].tolist()
    assert aligned.firsts[0].tolist() == whole.firsts[0][2:4].tolist()
    assert aligned.firsts.lengths.tolist() == [2, 1, 0]
