"""A model is a tokenizer, an encoder and a task, and a folder that a person can read.

    recipe.toml  weights.safetensors  tokenizer.json  labels.json  model.json  README.md

`model.json` holds the format version and a checksum per file. Loading runs no code from the folder: tensors
come from safetensors, everything else from TOML and JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from textladder import __version__, streams
from textladder.batch import Batch, Loss, Ragged, Tokens
from textladder.decoders import decoder_class
from textladder.encoders import encoder_class
from textladder.errors import Problem
from textladder.files import damaged, fresh_folder, read_json, verify_folder, write_header
from textladder.layers.together import as_here, limit, together
from textladder.layers.undrawn import Undrawn
from textladder.ragged import Numbers, Pairs
from textladder.recipe import Recipe
from textladder.tasks import task_class
from textladder.tasks.language import Language
from textladder.tasks.task import Rows
from textladder.text.batching import evaluation_plan
from textladder.text.overlong import CutReport
from textladder.text.store import Store
from textladder.text.tokenizing import Tokenizer
from textladder.training.threads import threads_for

FORMAT_VERSION = 1
FILES = ("recipe.toml", "weights.safetensors", "tokenizer.json", "labels.json")
OURS = {*FILES, "model.json", "README.md"}
PREDICT_TEXTS = 1024
ONE = ("rows", "matches")  # what tasks read that say something of a single text
TOLD_APART = ("label", "owner")  # columns of a store that predicting does not read


class Model(nn.Module):
    """forward(batch) -> Loss is what is trained; predict(texts) is what is used."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, labels: Any) -> None:
        super().__init__()
        config = recipe.encoder
        if (
            getattr(recipe.task, "head", None) == "none"
        ):  # the pooled vector is the logits: one entry per label
            config = replace(config, dim=len(labels["labels"]))
        self.recipe, self.tokenizer, self.labels = recipe, tokenizer, labels
        kind = task_class(recipe.task_name)
        if kind.streams and hasattr(
            config, "max_length"
        ):  # positions beyond the windows would not be trained
            config = replace(config, max_length=recipe.tokenizer.max_length)
        units = kind.units(tokenizer.vocabulary, labels)
        self.encoder = encoder_class(recipe.encoder_name)(config, units)
        self.task = kind(recipe.task, self.encoder.dim, labels)
        if recipe.decoder_name is not None:
            decoder = decoder_class(recipe.decoder_name)(recipe.decoder, len(units), self.encoder.dim)
            self.task.equip(decoder, tokenizer)
        self.task.tie(self.encoder.embedding)
        if self.task.needs_causal and not self.encoder.causal:
            raise Problem(
                recipe.rung,
                f"the task {recipe.task_name} needs an encoder that sees no later unit.",
                "Choose another rung: textladder rungs",
            )
        positions = self.encoder.max_length
        if positions is not None and recipe.tokenizer.max_length > positions:
            raise Problem(
                "tokenizer.max_length",
                f"{recipe.tokenizer.max_length} units are more than the encoder's {positions} positions.",
                f"Set tokenizer.max_length={positions}, or encoder.max_length={recipe.tokenizer.max_length}.",
            )

    def forward(self, batch: Batch) -> Loss:
        return self.task.loss(self.encoder, batch)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def rows(self, texts: Any, where: str | Sequence[str] = "text") -> Rows:
        """Texts (see `predict`) as what a batch is made of, over-long ones treated by the recipe's policy."""
        return self.task.rows(texts, self.tokenizer, where)

    def predict(self, texts: Any, cuts: list[CutReport] | None = None) -> Any:
        """Outcomes of the task, one per text, in order. texts: strings, UTF-8 bytes as a Ragged, or whatever
        else the task reads (`Task.read`). cuts: gets what was done to over-long texts."""
        whole = isinstance(texts, (Ragged, Pairs)) or self.task.reads not in ONE
        if not whole and len(texts) == 1 and isinstance(texts[0], str):
            return self._predict_one(texts[0], cuts)
        return self._predict_rows(texts, cuts)

    def _predict_rows(self, texts: Any, cuts: list[CutReport] | None) -> Any:
        rows = self.rows(texts)
        if cuts is not None:
            cuts.append(rows.cut)
        return self.task.merged(self.predict_columns(Store.of(rows.columns)), rows.owner, len(texts))

    def predict_columns(
        self, store: Store, rows: NDArray[np.int64] | None = None, precision: str = "float32"
    ) -> Any:
        """Outcomes for the rows of a store (all of them if not given), in their order; batches of similar
        length."""
        outcomes: list[Any] = []
        order: list[Numbers] = []
        with self.predicting(precision):
            rows = np.arange(len(store)) if rows is None else rows
            plan = self._plan(store, rows)
            # As many batches side by side as small operations leave threads.
            while several := list(islice(plan, limit() if self.device.type == "cpu" else 1)):
                jobs = [partial(self._predicted, store, rows[places]) for places in several]
                outcomes += together(list(map(as_here, jobs)))
                order += several
            if not outcomes:
                return self._predicted(store, rows)
        return in_order(outcomes, np.concatenate(order))

    def batches(self, store: Store, rows: NDArray[np.int64]) -> Iterator[Batch]:
        """Rows of a store to be predicted, those of similar length together."""
        for places in self._plan(store, rows):
            yield self._batch(store, rows[places])

    def _plan(self, store: Store, rows: NDArray[np.int64]) -> Iterator[Numbers]:
        """The places in `rows` of those that are predicted together."""
        lengths = store.columns["text"].lengths[rows]
        return iter(evaluation_plan(lengths, self.encoder.predict_units, PREDICT_TEXTS))

    def _batch(self, store: Store, rows: NDArray[np.int64]) -> Batch:
        names = [name for name in store.columns if name not in TOLD_APART]
        return self.task.collate(store.take(rows, names)).to(self.device)

    def _predicted(self, store: Store, rows: NDArray[np.int64]) -> Any:
        return self.task.predict(self.encoder, self._batch(store, rows))

    def _predict_one(self, text: str, cuts: list[CutReport] | None) -> Any:
        """The shortest way for one text: what `latency` measures and a server answers with."""
        ids = self.tokenizer.encode_one(text)
        if len(ids) > self.recipe.tokenizer.max_length:
            return self._predict_rows([text], cuts)
        if cuts is not None:
            cuts.append(CutReport(total=1, units=len(ids), longest=len(ids)))
        if self.training:
            self.eval()
        with torch.inference_mode(), threads_for(self.encoder):
            flat = torch.from_numpy(ids.astype(np.int64, copy=False))
            tokens = Tokens(flat, torch.from_numpy(np.array((0, len(ids)))), max(len(ids), 1))
            if self.device.type != "cpu":
                tokens = tokens.to(self.device)
            return self.task.predict(self.encoder, Batch((tokens,), None, 1))

    def stepper(self) -> tuple[Callable[[Tensor, Any], tuple[Tensor, Any]], Callable[[int], Any]]:
        """Of a language model: step(last ids [B], state) -> (log-probabilities of the next unit [B, V],
        state), and start(B) -> the state before the first unit, which is <s> or that of a label."""
        assert isinstance(self.task, Language), "only language models write"
        self.eval()
        encoder, output = self.encoder, self.task.output

        def step(last: Tensor, state: Any) -> tuple[Tensor, Any]:
            vectors, state = encoder.step(last.to(self.device), state)
            return output.log_probs(vectors), state

        return step, encoder.start

    @property
    def context_policy(self) -> str:
        """Of a language model, for signatures: the windows that it is judged with."""
        width, stride = streams.context(self)
        return f"context|window={width}|stride={stride}"

    def block_outcomes(self, store: Store) -> NDArray[np.float64]:
        """Of a language model: [R, 6] what each block of a judged store costs, see `streams.outcomes`."""
        return streams.outcomes(self, store)

    def unit_nats(self, store: Store) -> NDArray[np.float64]:
        """Of a language model: [N] what each unit of a stored stream costs, 0 where nothing is predicted."""
        return streams.unit_nats(self, store)

    @contextmanager
    def predicting(self, precision: str = "float32") -> Iterator[None]:
        """In here the model is asked, not trained."""
        self.eval()
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.inference_mode(), autocast, threads_for(self.encoder):
            yield

    def save(self, folder: Path, card: str = "") -> None:
        """Write the folder in one step: it is made beside its place and moved there when it is whole. Problem
        for a folder that holds anything but a model, and when it cannot be written."""
        recipe = replace(self.recipe, encoder=self.encoder.config)
        with fresh_folder(folder, OURS, "a model") as fresh:
            weights = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
            save_file(weights, fresh / "weights.safetensors")
            (fresh / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
            self.tokenizer.save(fresh / "tokenizer.json")
            (fresh / "labels.json").write_text(
                json.dumps(self.labels, ensure_ascii=False, indent=1), encoding="utf-8"
            )
            (fresh / "README.md").write_text(card or f"# {recipe.rung}\n\n{recipe.about}\n", encoding="utf-8")
            write_header(fresh / "model.json", FORMAT_VERSION, __version__, FILES)

    @classmethod
    def load(cls, path: Path | str, device: str = "cpu") -> Model:
        """A model from its folder, from a run folder, or from a compare folder (its pick). Sizes and
        checksums are verified first; Problem for a file that is missing, cut short or changed, and for a
        newer format."""
        folder = find_model(Path(path))
        verify_folder(folder / "model.json", FORMAT_VERSION, __version__, FILES)
        recipe = Recipe.load(folder / "recipe.toml")
        tokenizer = Tokenizer.load(folder / "tokenizer.json", recipe.tokenizer)
        labels = read_json(folder / "labels.json")
        try:
            with Undrawn():
                model = cls(recipe, tokenizer, labels)
        except (KeyError, TypeError) as error:
            raise damaged(
                folder / "labels.json", f"these are not the labels of a model ({error!r})"
            ) from error
        try:
            model.load_state_dict(load_file(folder / "weights.safetensors"))
        except (RuntimeError, SafetensorError) as error:
            what = f"the weights do not fit the recipe ({error})"
            raise damaged(folder / "weights.safetensors", what) from error
        return model.to(device).eval()


def find_model(path: Path) -> Path:
    """The model folder that a path means: itself, DIR/model of a run, or the pick of a compare."""
    if (path / "model.json").is_file():
        return path
    if (path / "model" / "model.json").is_file():
        return path / "model"
    comparison = path / "compare.json"
    if comparison.is_file():
        pick = read_json(comparison).get("pick")
        picked = pick.get("model") if isinstance(pick, dict) else None
        if isinstance(picked, str) and (path / picked / "model.json").is_file():
            return path / picked
    if not path.exists():
        raise Problem(
            str(path), "there is no such folder.", "Give a folder that textladder train or compare wrote."
        )
    if path.is_file():
        what = "this is a file, and a model is a folder."
        raise Problem(str(path), what, "Name the model first, then the file of texts.")
    raise Problem(
        str(path),
        "there is no finished model here (no model.json).",
        "Give a folder that textladder train or compare has finished; continue a stopped run with --resume.",
    )


def in_order(outcomes: list[Any], order: NDArray[np.int64]) -> Any:
    """Outcomes of batches, joined and put back into the order of the rows."""
    if isinstance(outcomes[0], np.ndarray):
        joined = np.concatenate(outcomes)
        result = np.empty_like(joined)
        result[order] = joined
        return result
    items = [item for part in outcomes for item in part]
    return [items[position] for position in np.argsort(order)]
