"""Share of padded positions in batches of 64 texts: `python -m benchmarks.padding FILE` (decision 0001)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from textladder.text.batching import plan
from textladder.text.corpus import Corpus
from textladder.text.reading import open_source
from textladder.text.tokenizing import Tokenizer, TokenizerConfig
from textladder.training.options import TrainingConfig


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus.read(open_source(sys.argv[1], need_label=False), Path(folder) / "corpus")
        texts = [part for _, part, _ in corpus.chunks()]
        tokenizer = Tokenizer.fit(texts, TokenizerConfig())
        lengths = np.concatenate([tokenizer.encode(part).lengths for part in texts])
    print(f"{len(lengths):,} texts, {lengths.mean():.1f} words on average, {lengths.max()} at most")
    shuffled = np.random.default_rng(0).permutation(lengths)
    batches = np.split(shuffled, range(64, len(shuffled), 64))
    print(f"to 128 words: {1 - np.minimum(lengths, 128).sum() / (128 * len(lengths)):.1%}")
    positions = sum(int(b.max()) * len(b) for b in batches)
    print(f"to the longest of a shuffled batch: {1 - lengths.sum() / positions:.1%}")
    options = TrainingConfig()
    made = plan(lengths, options.batch_units, options.batch_texts, 0, 0, padded=True)
    print(f"to the longest of a batch of texts of like length: {made.padding_share(lengths):.1%}")


if __name__ == "__main__":
    main()
