"""Files of tagged tokens: what is read, what is said of it, and what is wrong with it."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard

from textladder.errors import Problem
from textladder.text.corpus import Corpus
from textladder.text.reading import DataConfig
from textladder.text.sentences import GivenSentences, open_sentences

CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""
CONLLU = """# sent_id = 1
# text = Il mange du pain.
1\tIl\til\tPRON\t_\tNumber=Sing|Person=3\t2\tnsubj\t_\t_
2\tmange\tmanger\tVERB\t_\t_\t0\troot\t_\t_
3-4\tdu\t_\t_\t_\t_\t_\t_\t_\t_
3\tde\tde\tADP\t_\t_\t5\tcase\t_\t_
4\tle\tle\tDET\t_\tNumber=Sing\t5\tdet\t_\t_
4.1\tnull\tnull\tVERB\t_\t_\t_\t_\t_\t_
5\tpain\tpain\tNOUN\t_\tNumber=Sing\t2\tobj\t_\tSpaceAfter=No
6\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_

1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tdo\tdo\tAUX\t_\t_\t0\troot\t_\t_
2\tn't\tnot\tPART\t_\t_\t1\tadvmod\t_\t_
3\tgo\tgo\tVERB\t_\t_\t1\tx\t_\t_
"""


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path, **config):
    source = open_sentences(path, DataConfig(**config))
    return list(source.examples()), source


def test_conll_columns(tmp_path):
    examples, source = read(written(tmp_path, "n.conll", CONLL))
    assert [e.texts[0] for e in examples] == ["EU rejects German call", "Peter Blackburn"]
    assert examples[0].target == ((0, 2, "ORG"), (11, 17, "MISC"))
    assert list(examples[0].tokens) == [(0, 2), (3, 10), (11, 17), (18, 22)]
    assert examples[1].target == ((0, 15, "PER"),)
    assert [e.where for e in examples] == ["n.conll:3", "n.conll:8"]
    assert "The tags of n.conll are read as IOB2 (BIO)." in source.notes
    assert "Tokens: column 1 of 4; tags: column 4." in source.notes
    assert source.report() == ["1 lines -DOCSTART- begin documents and are no tokens."]


def test_another_column_by_its_number(tmp_path):
    path = written(tmp_path, "n.conll", CONLL)
    assert read(path, label="2")[0][0].target[:2] == ((0, 2, "NNP"), (3, 10, "VBZ"))
    assert read(path, label="3")[0][1].target == ((0, 15, "NP"),)
    with pytest.raises(Problem, match="no column of n"):
        read(path, label="5")


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["I-X", "I-X", "B-X", "O"], "IOB1"),
        (["B-X", "E-X", "S-X", "O"], "BIOES"),
    ],
)
def test_other_schemes_give_the_same_spans(tmp_path, tags, said):
    text = "".join(f"{word}\t{tag}\n" for word, tag in zip("abcd", tags, strict=True))
    examples, source = read(written(tmp_path, "s.conll", text))
    assert examples[0].target == ((0, 3, "X"), (4, 5, "X"))
    assert any(said in note for note in source.notes)


def test_illegal_sequences_are_repaired_and_counted(tmp_path):
    text = "a\tB-X\nb\tO\nc\tI-X\nd\tI-Y\n"
    examples, source = read(written(tmp_path, "s.conll", text))
    assert examples[0].target == ((0, 1, "X"), (4, 5, "X"), (6, 7, "Y"))
    assert any("2 illegal transitions were repaired" in note for note in source.notes)


def test_comments_are_kept_apart_and_a_hash_can_be_a_token(tmp_path):
    text = "# intent = go\n#\tO\n#tag\tB-X\n# 1\tO\n\n# intent = stay\n\nx\tO\n"
    examples, source = read(written(tmp_path, "s.conll", text))
    assert [e.texts[0] for e in examples] == ["# #tag # 1", "x"]
    assert examples[0].target == ((2, 6, "X"),)
    assert "2 lines of comment (#) are no tokens." in source.report()
    assert "1 sentences without a token were skipped." in source.report()


@pytest.mark.parametrize(
    ("token", "comments"),
    [
        ("{} {}\n", ["# newdoc", "# note"]),
        ("{} NN _ {}\n", ["# id = 3", "# newdoc id = 7", "# said by Ada"]),
        ("{}\tNN\t{}\n", ["# newdoc", "# id = 3"]),
    ],
)
def test_comments_with_as_many_columns_as_tokens(tmp_path, token, comments):
    """A token that is, or begins with, # has a tag that other lines have."""
    rows = [("see", "O"), ("Rome", "B-LOC")], [("#", "O"), ("1", "O")], [("#tag", "B-LOC")], [("#", "S-LOC")]
    sentences = ["".join(token.format(*pair) for pair in row) for row in rows]
    lines = "".join(f"{comment}\n" for comment in comments)
    path = written(tmp_path, "c.conll", lines + "\n".join(sentences))
    examples, source = read(path)
    assert [e.texts[0] for e in examples] == ["see Rome", "# 1", "#tag", "#"]
    assert [e.target for e in examples] == [((4, 8, "LOC"),), (), ((0, 4, "LOC"),), ((0, 1, "LOC"),)]
    assert f"{len(comments)} lines of comment (#) are no tokens." in source.report()
    if "# newdoc" in lines:
        around = next(iter(open_sentences(path, DataConfig(context=1)).examples()))
        assert around.around == ((), ("#",))


def test_documents_begin_at_comments_among_blanks(tmp_path):
    text = "# newdoc\na X\n\nb Y\n\n# newdoc\nc X\n"
    source = open_sentences(written(tmp_path, "d.conll", text), DataConfig(context=2))
    assert [one.around for one in source.examples()] == [((), ("b",)), (("a",), ()), ((), ())]


def test_of_sentences_to_be_predicted_none_is_left_out(tmp_path):
    """And tags or spans that they have are not looked at, right or wrong."""
    files = {
        "a.jsonl": '{"text": "Ada", "spans": [[0, 2, "X"]]}\n{"text": ""}\n{"text": " ", "spans": 3}\n',
        "b.jsonl": '{"tokens": ["Ada"], "tags": 3}\n{"tokens": [], "tags": ["X"]}\n{"tokens": ["a", "b"]}\n',
        "c.conllu": CONLLU + "\n1.1" + "\t_" * 9 + "\n",
        "d.conll": "Ada\t\n\nlives\tO\n\n#tag\tX\n",
    }
    for name, text in files.items():
        config = DataConfig(label="2" if name == "d.conll" else "feats.Number")
        source = open_sentences(written(tmp_path, name, text), config, need_label=False)
        examples = list(source.examples())
        assert len(examples) == 3, name
        assert [example.target for example in examples] == [None] * 3
        assert not any("skipped" in said or "do not lie" in said for said in source.report())


def test_conllu(tmp_path):
    examples, source = read(written(tmp_path, "n.conllu", CONLLU))
    assert [e.texts[0] for e in examples] == ["Il mange de le pain.", "don't go"]
    assert [label for _, _, label in examples[0].target] == ["PRON", "VERB", "ADP", "DET", "NOUN", "PUNCT"]
    text = examples[1].texts[0]
    assert [text[a:b] for a, b in examples[1].tokens] == ["do", "n't", "go"]
    assert "2 multiword tokens are read as the words that they stand for." in source.report()
    assert "1 empty nodes are no tokens." in source.report()


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        ("xpos", ["_"] * 6),
        ("deprel", ["nsubj", "root", "case", "det", "obj", "punct"]),
        ("FEATS", ["Number=Sing|Person=3", "_", "_", "Number=Sing", "Number=Sing", "_"]),
        ("feats.Number", ["Sing", "_", "_", "Sing", "Sing", "_"]),
    ],
)
def test_any_column_of_conllu(tmp_path, column, wanted):
    examples, _ = read(written(tmp_path, "n.conllu", CONLLU), label=column)
    assert [label for _, _, label in examples[0].target] == wanted


def test_json_lines_with_spans(tmp_path):
    lines = [
        {
            "text": "EU rejects: German call",
            "spans": [[0, 2, "ORG"], {"start": 12, "end": 18, "label": "MISC"}],
        },
        {"text": "nothing", "spans": []},
    ]
    path = written(tmp_path, "n.jsonl", "\n".join(map(json.dumps, lines)))
    examples, _ = read(path)
    assert examples[0].target == ((0, 2, "ORG"), (12, 18, "MISC"))
    words = [examples[0].texts[0][a:b] for a, b in examples[0].tokens]
    assert words == ["EU", "rejects", ":", "German", "call"]
    assert examples[1].target == ()


def test_json_lines_with_tokens(tmp_path):
    path = written(tmp_path, "n.jsonl", json.dumps({"tokens": ["EU", "rejects"], "tags": ["B-ORG", "O"]}))
    assert read(path)[0][0].target == ((0, 2, "ORG"),)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "n.jsonl",
            '{"text": " ", "spans": []}\n{"text": "a", "spans": [[0, 1, "X"]]}\n{"text": "", "spans": []}\n',
            "2 texts without a token were skipped.",
        ),
        (
            "n.jsonl",
            '{"tokens": [], "tags": []}\n{"tokens": ["a"], "tags": ["B-X"]}\n',
            "1 sentences without a token were skipped.",
        ),
        (
            "n.conllu",
            "1.1" + "\t_" * 9 + "\n\n1\ta\ta\tX" + "\t_" * 6 + "\n",
            "1 sentences without a token were skipped.",
        ),
    ],
)
def test_sentences_without_a_token_are_counted(tmp_path, name, text, said):
    examples, source = read(written(tmp_path, name, text))
    assert [(e.texts, e.target) for e in examples] == [(("a",), ((0, 1, "X"),))]
    assert said in source.report()


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed(tmp_path, ending):
    data = CONLLU.encode()
    packed = gzip.compress(data) if ending == "gz" else zstandard.compress(data)
    path = tmp_path / f"n.conllu.{ending}"
    path.write_bytes(packed)
    assert len(read(path)[0]) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("n.conll", "a\tO\nb\n", "line 2: the number of columns is 1, in the first line of the file 2"),
        ("n.conll", "a\tO\n\tO\n", "line 2: the token is empty"),
        ("n.conll", "a\nb\n", "line 1: the line has one column"),
        ("n.conllu", "1\ta\tO\n", "line 1: the line has 3 columns, not 10"),
        ("n.conllu", "1" + "\t_" * 9 + "\n3" + "\t_" * 9 + "\n", "the word has number 3, but 2 is next"),
        ("n.conllu", "x" + "\t_" * 9 + "\n", "'x' is no number of a word"),
        ("n.conllu", "# only\n\n", "there is no sentence in it"),
        ("n.conll", "# c\n", "there is no sentence in it"),
        ("n.jsonl", '{"text": "a", "spans": 3}', "line 1: 'spans' is not a list"),
        ("n.jsonl", '{"text": "a", "spans": [[0, 1]]}', "is not a span"),
        ("n.jsonl", '{"text": "a"}', "there is none of the keys spans"),
        ("n.jsonl", '{"text": "a", "spans": []}\n{"tex', "line 2: this line is not JSON"),
        ("n.jsonl", '{"tokens": ["a", "b"], "tags": ["O"]}', "line 1: 2 tokens, but 1 tags"),
        ("n.jsonl", '{"text": "a b", "spans": [[0, 3, "X"], [2, 3, "Y"]]}', "'X' and 'Y' overlap"),
    ],
)
def test_wrong_files_are_told_by_line(tmp_path, name, text, said):
    with pytest.raises(Problem) as told:
        read(written(tmp_path, name, text))
    assert said in str(told.value)


WRONG_SPANS = '{"text": "New York is big", "spans": [[0, 6, "LOC"], [9, 40, "X"]]}\n'


def test_all_misplaced_spans_are_listed_in_a_file(tmp_path):
    path, lists = tmp_path / "m.jsonl", tmp_path / "{}" / "misplaced.jsonl"
    rows = [{"text": "New York is big", "spans": [[0, 5, "LOC"], [0, 8, "LOC"]]} for _ in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = open_sentences(path, DataConfig())
    source.lists = lists
    with pytest.raises(Problem, match=r"5 spans do not lie on tokens.*and 2 more; all are listed in"):
        list(source.sentences())
    listed = [json.loads(line) for line in lists.read_text("utf-8").splitlines()]
    assert len(listed) == 5
    assert (listed[0]["span"], listed[0]["nearest"]) == ([0, 5, "LOC"], [0, 8, "LOC"])
    source = open_sentences(path, DataConfig(misplaced="drop"))
    source.lists = lists
    list(source.sentences())
    assert source.report() == [f"5 spans that do not lie on tokens were left out; all are listed in {lists}."]


def test_misplaced_spans_are_named_with_the_nearest(tmp_path):
    path = written(tmp_path, "n.jsonl", WRONG_SPANS)
    with pytest.raises(Problem) as told:
        read(path)
    assert "2 spans do not lie on tokens" in str(told.value)
    assert "nearest: (0, 8) 'New York'" in str(told.value)
    assert "leaves the text of 15 characters; nearest: (9, 15)" in str(told.value)
    examples, source = read(path, misplaced="snap")
    assert examples[0].target == ((0, 8, "LOC"), (9, 15, "X"))
    assert source.report() == ["2 spans that do not lie on tokens were moved to the nearest tokens."]
    examples, source = read(path, misplaced="drop")
    assert examples[0].target == ()
    assert source.report() == ["2 spans that do not lie on tokens were left out."]


def test_a_span_of_blanks_has_a_nearest_token_too(tmp_path):
    path = written(tmp_path, "n.jsonl", '{"text": "a   lived", "spans": [[2, 4, "X"]]}\n')
    with pytest.raises(Problem, match=r"holds no token; nearest: \(4, 9\) 'lived'"):
        read(path)
    assert read(path, misplaced="snap")[0][0].target == ((4, 9, "X"),)


def test_a_corpus_gives_back_what_was_read(tmp_path):
    examples, source = read(written(tmp_path, "n.conll", CONLL))
    for _ in range(2):  # the second time from what lies there
        corpus = Corpus.read(source, tmp_path / "corpus")
        assert [(e.texts, e.target, e.where, list(e.tokens)) for e in corpus.examples()] == [
            (e.texts, e.target, e.where, list(e.tokens)) for e in examples
        ]
        assert corpus.label_counts() == {"MISC": 1, "ORG": 1, "PER": 1}
        assert corpus[1].target == ((0, 15, "PER"),)


def test_sentences_in_memory():
    source = GivenSentences(["Ada lived.", ["in", "New York"]], [[(0, 3, "PER")], ["O", "B-LOC"]])
    first, second = source.examples()
    assert first.target == ((0, 3, "PER"),)
    assert list(first.tokens) == [(0, 3), (4, 9), (9, 10)]
    assert second.target == ((3, 11, "LOC"),)
    assert second.texts == ("in New York",)
    with pytest.raises(Problem, match="1 texts, but 2 lists"):
        GivenSentences(["a"], [[], []])
    wrong = ["London"], [[(0, 3, "X")]]
    with pytest.raises(Problem, match="nearest") as told:
        list(GivenSentences(*wrong).sentences())
    assert "settings={'data.misplaced': 'snap'}" in told.value.next_step
    source = GivenSentences(*wrong, config=DataConfig(misplaced="snap"))
    assert next(source.examples()).target == ((0, 6, "X"),)
    (left,) = GivenSentences(*wrong, config=DataConfig(misplaced="drop")).examples()
    assert left.target == ()
    with pytest.raises(Problem, match="1 tokens, but 2 tags"):
        list(GivenSentences(["a"], [["O", "O"]]).sentences())
    with pytest.raises(Problem, match="lone surrogate"):
        list(GivenSentences(["a\ud800"], None).sentences())
