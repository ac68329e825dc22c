"""The BiLSTM of the classic PyTorch tutorial: every text padded or cut to 128 words, a DataLoader, float32,
Adam, a regular expression for words. Widths and pooling are those of our `bilstm` rung."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

from benchmarks import child

LENGTH = 128
WORD = re.compile(r"\w+|[^\w\s]")


def job(
    train: str, test: str, epochs: int, dim: int = 128, hidden: int = 128, limit: int = 0
) -> dict[str, Any]:
    began = time.perf_counter()
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    importing = time.perf_counter() - began
    torch.set_num_threads(child.threads())
    torch.manual_seed(1)

    class Net(nn.Module):
        def __init__(self, words: int, labels: int) -> None:
            super().__init__()
            self.embedding = nn.Embedding(words, dim, padding_idx=0)
            self.lstm = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(0.5)
            self.output = nn.Linear(2 * hidden, labels)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            states = self.lstm(self.embedding(ids))[0]
            return self.output(self.dropout(states.max(dim=1).values))

    def cut(text: str) -> list[str]:
        return WORD.findall(text.lower())[:LENGTH]

    texts, labels = child.read_csv(train)
    texts, labels = (texts[:limit], labels[:limit]) if limit else (texts, labels)
    names = sorted(set(labels))
    tokens = [cut(text) for text in texts]
    counts = Counter(word for text in tokens for word in text)
    numbers = {word: i for i, (word, count) in enumerate(counts.most_common(30_000), 2) if count > 1}

    def encode(many: list[list[str]]) -> torch.Tensor:
        ids = torch.zeros(len(many), LENGTH, dtype=torch.long)
        for row, words in enumerate(many):
            found = [numbers.get(word, 1) for word in words]
            ids[row, : len(found)] = torch.tensor(found, dtype=torch.long)
        return ids

    data = TensorDataset(encode(tokens), torch.tensor([names.index(label) for label in labels]))
    loader = DataLoader(data, batch_size=64, shuffle=True)
    net = Net(len(numbers) + 2, len(names))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    lose = nn.CrossEntropyLoss()
    began = time.perf_counter()
    for _ in range(epochs):
        net.train()
        for ids, target in loader:
            optimizer.zero_grad()
            loss = lose(net(ids), target)
            loss.backward()
            optimizer.step()
    seconds = time.perf_counter() - began
    words = sum(map(len, tokens))
    found = {
        "import_seconds": importing,
        "seconds": seconds,
        "epochs": epochs,
        "words_per_second": words * epochs / seconds,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }
    net.eval()

    def answer(many: list[str]) -> list[str]:
        with torch.no_grad():
            said = []
            for start in range(0, len(many), 256):
                rows = encode([cut(text) for text in many[start : start + 256]])
                said += net(rows).argmax(1).tolist()
        return [names[number] for number in said]

    tests, gold = child.read_csv(test)
    tests, gold = (tests[:limit], gold[:limit]) if limit else (tests, gold)
    found["accuracy"] = child.accuracy(answer(tests), gold)
    found["one_ms"] = child.milliseconds_of_one(lambda text: answer([text]), tests)
    found["texts_per_second"] = child.texts_per_second(answer, tests[:1000])
    return found


if __name__ == "__main__":
    child.run(job)
