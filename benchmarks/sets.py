"""The data sets of `benchmarks.quality`: their files, what is asked, what is known, and the settings that a
sensible user would give. No setting was chosen by looking at a test score."""

from __future__ import annotations

from benchmarks.data_set import EVERY, DataSet
from benchmarks.own_vectors import CAPTIONS, ENGLISH, GENERAL, SEQUENCES, WIKIPEDIA

OF_CHARACTERS = {EVERY: ['tokenizer.units="character"']}  # names are too short and too varied for words
UNSEEN = {  # hardly a name comes twice: letters and the words around must carry, as chosen on dev
    EVERY: [
        "encoder.word_dropout=0.4",
        "encoder.embedding_dropout=0.5",
        'task.scheme="BIOES"',
        "training.learning_rate=0.0015",
        'training.average="ema"',
    ]
}
OF_VECTORS = {  # their width; they move in training
    rung: ["encoder.embedding_dim=200", "tokenizer.vector_words=60000"] for rung in ENGLISH.rungs
}
STILL = ["encoder.embedding_dim=200", "training.freeze_embedding=true"]
FROZEN = {  # the width of the vectors, which stay as they are (`bow` moves them)
    **dict.fromkeys(CAPTIONS.rungs, STILL),
    "bow": ["encoder.dim=200"],
    "esim": [*STILL, "tokenizer.vector_words=60000", "training.epochs=24"],  # it goes on getting better
}


def _captions(source: str, target: str, known: str, about: str, reach_each: dict[str, float]) -> DataSet:
    """Multi30k from one language to another, tested on 2016."""
    train, dev, test = (
        " ".join(f"multi30k/{part}.{language}{packed}" for language in (source, target))
        for part, packed in (("train", ".gz"), ("val", ""), ("test_2016_flickr", ""))
    )
    return DataSet(train, dev, test, None, known, about, reach_each=reach_each, task="translate")


def _toy(name: str, about: str) -> DataSet:
    """Strings of up to eight digits; those that are tested are not among those trained on."""
    return DataSet(
        f"toys/{name}-train",
        f"toys/{name}-dev",
        f"toys/{name}-test",
        None,
        "1.0 can be reached",
        about,
        settings={
            EVERY: [
                'data.text="text"',
                'data.second="label"',
                'tokenizer.units="character"',
                'task.metric="exact_match"',
                "training.epochs=16",
                "training.min_steps=0",
            ]
        },
        reach_each=dict.fromkeys(("gru", "rnn-attention", "conv", "transformer"), 1.0),
        task="translate",
    )


SETS = {
    "sst2": DataSet(
        "sst2/train.csv",
        "sst2/dev.csv",
        "sst2/test.csv",
        0.82,
        "TF-IDF + logistic regression 0.814, fastText 0.801 (measured)",
        "SST-2, sentences only",
    ),
    "sst2_phrases": DataSet(
        "phrases/train",
        "sst2/dev.csv",
        "sst2/test.csv",
        0.85,
        "LSTM 0.849, BiLSTM 0.875, with phrases and GloVe (Tai et al. 2015)",
        "SST-2, with the phrases of the training trees",
        settings={  # ten times as many texts as sentences, most of them a few words long
            rung: ["encoder.embedding_dim=200", "training.batch_texts=128", "training.epochs=4"]
            for rung in SEQUENCES
        },
        vectors=ENGLISH,
    ),
    "sst2_vectors": DataSet(
        "sst2/train.csv",
        "sst2/dev.csv",
        "sst2/test.csv",
        0.82,
        "TF-IDF + logistic regression 0.814, fastText 0.801 (measured)",
        "SST-2, sentences only, with word vectors",
        settings=OF_VECTORS,
        vectors=ENGLISH,
    ),
    "rt_polarity": DataSet(
        "rt_polarity/train.csv",
        "rt_polarity/dev.csv",
        "rt_polarity/test.csv",
        0.785,
        "spaCy 0.784, TF-IDF + logistic regression 0.781 (measured), CNN-rand 0.761 (Kim 2014)",
        "rt_polarity",
        within=0.03,
    ),
    "trec": DataSet(
        "trec/train.csv",
        None,
        "trec/test.csv",
        0.92,
        "CNN-rand 0.912 (Kim 2014)",
        "TREC-6",
        settings={  # questions ask for names, and names have capitals
            EVERY: ['data.label="label"', "tokenizer.lowercase=false"]
        },
    ),
    "trec_vectors": DataSet(
        "trec/train.csv",
        None,
        "trec/test.csv",
        0.92,
        "CNN-static 0.928, with word2vec of 100 billion words (Kim 2014)",
        "TREC-6, with word vectors",
        settings={EVERY: ['data.label="label"'], **OF_VECTORS},
        vectors=ENGLISH,
    ),
    "ag_news": DataSet(
        "ag_news/train.csv",
        "ag_news/dev.csv",
        "ag_news/test.csv",
        0.87,
        "TF-IDF + logistic regression 0.863, fastText 0.854, spaCy 0.862, "
        "MiniLM embedding + logistic regression 0.874 (measured)",
        "AG News sample",
        within=0.03,
    ),
    "imdb": DataSet(
        "imdb/train.csv.gz",
        None,
        "imdb/test.csv.gz",
        0.908,
        "TF-IDF bigrams + logistic regression 0.906, fastText 0.896 (measured); "
        "NBoW 0.858, LSTM 0.862, CNN 0.875 (bentrevett)",
        "IMDB, full",
        settings={  # long texts: whole, and with more left out, as chosen on dev
            "cnn": [
                "tokenizer.max_length=1000",
                "encoder.word_dropout=0.3",
                "encoder.embedding_dropout=0.5",
                "training.batch_texts=64",
                "training.learning_rate=0.002",
                "training.epochs=5",
            ]
        },
        reach_rungs=(0.88, SEQUENCES),
    ),
    "goemotions": DataSet(
        "goemotions/train.csv.gz",
        "goemotions/dev.csv",
        "goemotions/test.csv",
        None,
        "macro-F1: BERT 0.46, BiLSTM 0.41 (Demszky et al. 2020)",
        "GoEmotions, 28 labels",
    ),
    "surnames": DataSet(
        "surnames/train.csv",
        "surnames/dev.csv",
        "surnames/test.csv",
        0.70,
        "0.48 (the PyTorch NLP book)",
        "surnames, nationality",
        settings=OF_CHARACTERS,
    ),
    "snli_small": DataSet(
        "snli_small/train.jsonl",
        "snli_small/dev.jsonl",
        "snli_small/test.jsonl",
        0.70,
        "ESIM 0.880 after 550,000 pairs, which are not here (Chen et al. 2017)",
        "SNLI, small: 8,862 pairs, entailment",
        settings=FROZEN,
        vectors=CAPTIONS,
        task="pair",
    ),
    "mrpc": DataSet(
        "mrpc/train.jsonl",
        "mrpc/dev.jsonl",
        "mrpc/test.jsonl",
        0.72,
        "0.804 (Ji and Eisenstein 2013); 0.665 of the test pairs are paraphrases",
        "MRPC, paraphrase",
        settings={  # what both have in common says most; pieces of words, so that unknown names count
            "bow": [
                'tokenizer.units="bpe"',
                "tokenizer.vocabulary_size=8000",
                "encoder.dim=4",
                "task.overlap=true",
                'task.head="linear"',
                "task.head_dropout=0",
                'training.average="ema"',
                "training.ema_decay=0.99",
            ]
        },
        task="pair",
    ),
    "sick": DataSet(
        "sick/train.jsonl",
        "sick/dev.jsonl",
        "sick/test.jsonl",
        0.75,
        "LSTM 0.853, Tree-LSTM 0.868, with GloVe (Tai et al. 2015)",
        "SICK, relatedness",
        settings={EVERY: ['data.label="score"']},
        task="pair",
    ),
    "stsb": DataSet(
        "stsb/train.jsonl",
        "stsb/dev.jsonl",
        "stsb/test.jsonl",
        0.45,
        "InferSent 0.758 (Cer et al. 2017)",
        "STS-B, similarity",
        task="pair",
    ),
    "squad": DataSet(
        "squadshifts_new_wiki/train.json.gz",
        "squadshifts_new_wiki/dev.json.gz",
        "squad_v1_dev/dev-v1.1.json.gz",
        0.35,
        "BiDAF 0.773 after 87,599 questions of SQuAD's own train part, with GloVe (Seo et al. 2017)",
        "SQuAD v1.1 dev, F1 of answers, after 7,160 questions about New Wikipedia",
        settings={
            rung: [
                *STILL,
                "tokenizer.min_count=1",  # rare words have vectors too
                "tokenizer.vector_words=60000",  # and so do words that no training passage has
                "training.epochs=6",
            ]
            for rung in GENERAL.rungs
        },
        vectors=GENERAL,
        task="span",
    ),
    "atis_intents": DataSet(
        "atis_intents/train",
        "atis_intents/dev",
        "atis_intents/test",
        0.96,
        "0.936 (Goo et al. 2018)",
        "ATIS, intents, with word vectors",
        settings={EVERY: ['data.rare="keep"'], **OF_VECTORS},
        vectors=ENGLISH,
    ),
    "snips_intents": DataSet(
        "snips_intents/train",
        "snips_intents/dev",
        "snips_intents/test",
        0.975,
        "0.970 (Goo et al. 2018)",
        "SNIPS, intents, with word vectors",
        settings=OF_VECTORS,
        vectors=ENGLISH,
    ),
    "atis": DataSet(
        "atis/train.conll",
        "atis/dev.conll",
        "atis/test.conll",
        0.95,
        "0.948 (Goo et al. 2018)",
        "ATIS, slots",
        task="tag",
    ),
    "snips": DataSet(
        "snips/train.conll",
        "snips/dev.conll",
        "snips/test.conll",
        0.90,
        "0.888 (Goo et al. 2018)",
        "SNIPS, slots",
        task="tag",
    ),
    "ewt": DataSet(
        "ud_english_ewt/train.conllu.gz",
        "ud_english_ewt/dev.conllu.gz",
        "ud_english_ewt/test.conllu.gz",
        0.955,
        "CRFsuite 0.941, spaCy 0.941 (measured)",
        "UD English EWT, parts of speech",
        task="tag",
    ),
    "sequoia": DataSet(
        "ud_french_sequoia/train.conllu.gz",
        "ud_french_sequoia/dev.conllu.gz",
        "ud_french_sequoia/test.conllu.gz",
        0.965,
        "none",
        "UD French Sequoia, parts of speech",
        task="tag",
    ),
    "wnut17": DataSet(
        "wnut17/train.conll",
        "wnut17/dev.conll",
        "wnut17/test.conll",
        0.20,
        "CRFsuite 0.153, spaCy 0.138 (measured)",
        "WNUT17, names, from scratch",
        settings=UNSEEN,
        task="tag",
    ),
    "wnut17_vectors": DataSet(
        "wnut17/train.conll",
        "wnut17/dev.conll",
        "wnut17/test.conll",
        0.28,
        "0.419 with outside vectors, the best of the shared task (Derczynski et al. 2017)",
        "WNUT17, names, with word vectors of Wikipedia",
        settings={  # words that only the vectors have are known, so that few are read as unknown
            rung: [
                *UNSEEN[EVERY],
                "encoder.word_dropout=0.1",
                *STILL,
                "tokenizer.min_count=1",  # rare words have vectors too
                "tokenizer.vector_words=200000",
            ]
            for rung in WIKIPEDIA.rungs
        },
        vectors=WIKIPEDIA,
        task="tag",
    ),
    "languages": DataSet(
        "languages",
        None,
        None,
        0.85,
        "none",
        "languages, built in, 20 languages",
        settings=OF_CHARACTERS,
    ),
    "multi30k_en_de": _captions(
        "en",
        "de",
        "small Transformers 36 to 39 in mixed case",
        "Multi30k, English to German",
        {"transformer": 36, "rnn-attention": 33, "conv": 33},
    ),
    "multi30k_de_en": _captions(
        "de",
        "en",
        "Transformer 36.5, ConvS2S 34.1, Bahdanau 28.3 (bentrevett)",
        "Multi30k, German to English",
        {"transformer": 36.5, "rnn-attention": 28.3, "conv": 34.1},
    ),
    "tatoeba": DataSet(
        "tatoeba_en_fr/train.en.gz tatoeba_en_fr/train.fr.gz",
        "tatoeba_en_fr/dev.en tatoeba_en_fr/dev.fr",
        "tatoeba_en_fr/test.en tatoeba_en_fr/test.fr",
        None,
        "none",
        "Tatoeba, English to French",
        settings={EVERY: ["training.epochs=1"]},  # five times the pairs of Multi30k
        task="translate",
    ),
    "bbc_headlines": DataSet(
        "bbc_news/train.jsonl.gz",
        "bbc_news/dev.jsonl.gz",
        "bbc_news/test.jsonl.gz",
        None,
        "none; 1,656 training texts",
        "BBC news, headlines of articles",
        settings={  # the beginning of an article says what it is about; its names are copied
            EVERY: [
                'data.text="text"',
                'data.second="title"',
                "tokenizer.max_length=150",
                "task.copying=true",
                'task.metric="rouge_l"',
                "training.min_steps=1000",
            ]
        },
        task="translate",
    ),
    "toy_copy": _toy("copy", "Toy: strings of digits, copied"),
    "toy_reverse": _toy("reverse", "Toy: strings of digits, reversed"),
    "toy_sort": _toy("sort", "Toy: digits, sorted"),
}
