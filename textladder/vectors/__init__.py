"""Word vectors: skip-gram, CBOW, fastText and GloVe, trained from ids on disk by compiled kernels."""
