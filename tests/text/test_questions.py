"""Files of questions: SQuAD's JSON and JSON Lines; answers that stand elsewhere than the file says."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from tests.real import real
from textladder.errors import Problem
from textladder.text.corpus import Corpus
from textladder.text.questions import GivenQuestions, Misplaced, nearest, open_questions
from textladder.text.reading import DataConfig

PASSAGE = "Ada Lovelace lived in London. She worked in London, on engines."


def squad(path, questions, version="1.1"):
    """A file of one passage with these questions, as keyword values of each."""
    asked = [{"id": f"q{n}", "question": f"What is {n}?", **one} for n, one in enumerate(questions, 1)]
    paragraphs = [{"context": PASSAGE, "qas": asked}]
    document = {"version": version, "data": [{"title": "Ada", "paragraphs": paragraphs}]}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def answer(text, start):
    return {"text": text, "answer_start": start}


def read(path, **config):
    return list(open_questions(path, DataConfig(**config)).examples())


def test_squad_1_with_several_answers(tmp_path):
    path = squad(tmp_path / "a.json", [{"answers": [answer("London", 22), answer("in London", 19)]}])
    (example,) = read(path)
    assert example.texts == (PASSAGE, "What is 1?")
    assert [PASSAGE[slice(*span)] for span in example.target] == ["London", "in London"]
    assert example.where == "a.json:question 1"


def test_squad_2_tells_no_answer_from_one_that_is_not_said(tmp_path):
    rows = [
        {"answers": [answer("Ada", 0)], "is_impossible": False},
        {"answers": [], "is_impossible": True, "plausible_answers": [answer("London", 22)]},
        {"answers": []},
    ]
    path = squad(tmp_path / "b.json", rows, "v2.0")
    with pytest.raises(Problem, match=r"question 3.*the list of answers is empty.*1 of 3"):
        read(path)
    assert [example.target for example in read(path, unlabelled="drop")] == [((0, 3),), ()]
    source = open_questions(path, DataConfig(), need_label=False)
    assert [example.target for example in source.examples()] == [None] * 3, "they are not looked at"


def test_of_questions_to_be_answered_none_is_left_out(tmp_path):
    rows = [
        {"passage": PASSAGE, "question": "Where?", "answers": [{"text": "Paris", "start": 0}]},
        {"passage": " ", "question": "Why?", "answers": 7},
        {"passage": PASSAGE, "question": ""},
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    source = open_questions(path, DataConfig(label="gold"), need_label=False)
    assert [(one.texts[1], one.target) for one in source.examples()] == [
        ("Where?", None),
        ("Why?", None),
        ("", None),
    ]
    assert source.report() == []
    path = squad(tmp_path / "p.json", [{"answers": [7]}, {"answers": [answer("Paris", 3)]}])
    assert len(list(open_questions(path, DataConfig(), need_label=False).examples())) == 2


def test_lines_with_answers_written_in_any_of_the_usual_ways(tmp_path):
    rows = [
        {"passage": PASSAGE, "question": "Who?", "answers": [{"text": "Ada Lovelace", "start": 0}]},
        {"passage": PASSAGE, "question": "Where?", "answers": {"text": ["London"], "answer_start": [44]}},
        {"passage": PASSAGE, "question": "Why?", "answers": []},
    ]
    path = tmp_path / "c.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, rows)))
    source = open_questions(path, DataConfig())
    assert [one.target for one in source.examples()] == [((0, 12),), ((44, 50),), ()]
    assert source.notes == [
        "c.jsonl.gz is read as jsonl.",
        "Passage, question, answers: 'passage', 'question', 'answers'.",
    ]


def test_a_corpus_keeps_passages_questions_and_places(tmp_path):
    path = squad(tmp_path / "d.json", [{"answers": [answer("Ada", 0)]}, {"answers": [answer("She", 30)]}])
    for _ in range(2):  # read, then taken from disk
        corpus = Corpus.read(open_questions(path, DataConfig()), tmp_path / "corpus")
        assert [one.target for one in corpus.examples()] == [((0, 3),), ((30, 33),)]
        assert corpus[1].texts == (PASSAGE, "What is 2?")
        assert corpus.rows_are == "questions"


def misplaced_file(tmp_path):
    return squad(
        tmp_path / "e.json",
        [
            {"answers": [answer("London", 22)]},
            {"answers": [answer("London", 40)]},  # stands at 22 and at 44
            {"answers": [answer("ada  lovelace", 3), answer("Ada", 0)]},
            {"answers": [answer("Paris", 3)]},
        ],
    )


def test_misplaced_answers_are_refused_and_all_of_them_listed(tmp_path):
    source = open_questions(misplaced_file(tmp_path), DataConfig())
    source.lists = tmp_path / "lists" / "misplaced.jsonl"
    with pytest.raises(Problem) as told:
        list(source.examples())
    said = str(told.value)
    assert "3 of 5 answers do not stand in their passage" in said
    assert "(q2): 'London' at 40; nearest: 'London' at 44" in said
    assert "'Paris' at 3; it is nowhere in it" in said
    assert "data.misplaced=snap" in said
    listed = [json.loads(line) for line in source.lists.read_text("utf-8").splitlines()]
    assert [(one["id"], one["answer"], one["start"]) for one in listed] == [
        ("q2", "London", 40),
        ("q3", "ada  lovelace", 3),
        ("q4", "Paris", 3),
    ]
    assert listed[0]["there"] == PASSAGE[40:46]
    assert listed[0]["nearest"] == {"start": 44, "text": "London"}
    assert listed[1]["nearest"] == {"start": 0, "text": "Ada Lovelace"}
    assert listed[2]["nearest"] is None


def test_a_few_misplaced_answers_are_left_out_and_counted(tmp_path):
    source = open_questions(misplaced_file(tmp_path), DataConfig(misplaced_share=0.6))
    assert [one.target for one in source.examples()] == [((22, 28),), ((0, 3),)]
    assert source.report() == [
        "3 answers that do not stand in their passage where the file says were left out.",
        "2 questions were left out with them, which have no other answer.",
    ]


def test_misplaced_answers_can_be_moved_to_the_nearest_place(tmp_path):
    source = open_questions(misplaced_file(tmp_path), DataConfig(misplaced="snap"))
    assert [one.target for one in source.examples()] == [((22, 28),), ((44, 50),), ((0, 12), (0, 3))]
    assert source.report()[0].startswith("2 answers")
    assert "moved" in source.report()[0]
    assert source.report()[1].startswith("1 answers")
    assert "left out" in source.report()[1]


def test_the_nearest_place_is_the_same_letters_if_there_are_such():
    assert nearest("cat Cat CAT", "Cat", 9) == (4, 7)
    assert nearest("cat CAT", "Cat", 6) == (4, 7)
    assert nearest("a  b a\nb", "a b", 7) == (5, 8)
    assert nearest("x", "y", 0) is None
    assert nearest("x", " ", 0) is None
    assert Misplaced("error", 0.0).placed("abc", [("", 0)], "p", "") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2", "this is not JSON"),
        ("{}", "there is no 'data'"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', "there is no 'context' that is a string"),
        ('{"data": [{"paragraphs": [{"context": "x", "qas": [{}]}]}]}', "there is no 'question'"),
        ('{"data": []}', "there is no question in it"),
        (
            '{"data": [{"paragraphs": [{"context": "x", "qas": [{"question": "y", "answers": [7]}]}]}]}',
            "is not an answer",
        ),
        (
            '{"data": [{"paragraphs": [{"context": "\\ud800", "qas": [{"question": "y", "answers": []}]}]}]}',
            "half a character",
        ),
        (
            '{"data": [{"paragraphs": [{"context": " ", "qas": [{"question": "y", "answers": []}]}]}]}',
            "the passage is empty",
        ),
    ],
)
def test_wrong_squad_files_are_told(tmp_path, text, said):
    path = tmp_path / "w.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match=said):
        read(path, format="squad")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"passage": "x", "question": 7, "answers": []}', "'question' is not a string"),
        ('{"passage": "x", "answers": []}', "none of the keys question, query"),
        ('{"passage": "x", "question": "y"}', "none of the keys answers, answer"),
        ('{"passage": "x", "question": "y", "answers": "x"}', "1 of 1 answers do not stand"),
        (
            '{"passage": "x", "question": "y", "answers": {"text": ["x"], "answer_start": []}}',
            "not as many places",
        ),
    ],
)
def test_wrong_lines_are_told(tmp_path, text, said):
    path = tmp_path / "w.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match=said):
        read(path)


def test_questions_in_memory():
    given = GivenQuestions([PASSAGE] * 4, ["?"] * 4, [[(0, 3)], ["She"], [], [{"text": "on", "start": 15}]])
    with pytest.raises(Problem, match="1 of 3 answers") as told:
        list(given.examples())
    assert "settings={'data.misplaced': 'drop'}" in told.value.next_step
    empty = ["", PASSAGE], ["Who?", "Where?"]
    assert len(list(GivenQuestions(*empty, None).examples())) == 2, "nothing is trained on"
    with pytest.raises(Problem, match="the passage is empty") as told:
        list(GivenQuestions(*empty, [["x"], ["She"]]).examples())
    assert told.value.next_step.endswith("settings={'data.empty': 'drop'}")
    dropped = GivenQuestions(*empty, [["x"], ["She"]], DataConfig(empty="drop"))
    assert [one.texts[1] for one in dropped.examples()] == ["Where?"]
    given = GivenQuestions([PASSAGE] * 3, ["?"] * 3, [[(0, 3)], ["She"], []])
    assert [one.target for one in given.examples()] == [((0, 3),), ((30, 33),), ()]
    with pytest.raises(Problem, match="stands more than once"):
        list(GivenQuestions([PASSAGE], ["?"], [["London"]]).examples())
    with pytest.raises(Problem, match="no place in a passage"):
        list(GivenQuestions([PASSAGE], ["?"], [[(0, 999)]]).examples())
    with pytest.raises(Problem, match="2 passages, 1 questions"):
        GivenQuestions(["a", "b"], ["c"], None)


def test_squad_dev_is_read_whole():
    source = open_questions(real("squad_v1_dev/dev-v1.1.json.gz"), DataConfig())
    counts = Counter()
    for example in source.examples():
        counts["questions"] += 1
        counts["answers"] += len(example.target)
    assert counts == {"questions": 10_570, "answers": 34_726}
    assert source.report() == []
