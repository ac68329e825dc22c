"""The `tokenizers` library alone: texts in memory to encodings, with the pipeline that ours has saved."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import child


def job(file: str, tokenizer: str, limit: int = 0) -> dict[str, Any]:
    began = time.perf_counter()
    import tokenizers

    importing = time.perf_counter() - began
    library = tokenizers.Tokenizer.from_file(tokenizer)
    texts = child.read_csv(file)[0]
    texts = texts[:limit] if limit else texts
    began, units = time.perf_counter(), 0
    for start in range(0, len(texts), 4096):  # all at once is slower: the encodings of 33 MB take 2 GB
        some = library.encode_batch_fast(texts[start : start + 4096], add_special_tokens=False)
        units += sum(map(len, some))
    seconds = time.perf_counter() - began
    return {
        "import_seconds": importing,
        "seconds": seconds,
        "texts_per_second": len(texts) / seconds,
        "units": units,
    }


if __name__ == "__main__":
    child.run(job)
