"""Language models from counted n-grams: orders 1 to 7 over the units of any tokenizer.

model = NgramModel.fit(chunks_of_ids, vocabulary, NgramConfig(order=3), folder)
model.log_probs(ids); model.next(context); model.arpa(path); NgramModel.load(folder)
"""

# What stands in a recipe where others name an encoder, and is counted instead of trained (`counted.py`):
# name -> "module:Config".
COUNTED: dict[str, str] = {"ngram": "textladder.ngrams.config:NgramConfig"}
