"""Two processes give what one gives, and an error in one ends both."""

from __future__ import annotations

import ast
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import textladder as package
from tests.helpers import FILMS, SMALL, environment, settings, weights_of
from textladder import distributed

COMMON = {"training.batch_texts": 5, "training.epochs": 3, "training.precision": '"float32"'}
COMMON |= {"training.log_every": 1, "tokenizer.min_count": 1, "training.save_seconds": 0}
STILL = {"encoder.dropout": 0, "encoder.word_dropout": 0, "encoder.embedding_dropout": 0}
SIZES = {key: {f"encoder.{name}": SMALL[name] for name in names} for key, names in {
    "lstm": ("embedding_dim", "hidden_dim"), "ngrams": ("dim",), "bow": (),
}.items()}  # fmt: skip
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["textladder.run", "textladder.cli", "tests.helpers"])


def words(rung: str, out: Path, *more: str, **changes: Any) -> list[str]:
    values = {**COMMON, **SIZES[rung], **(STILL if rung == "lstm" else {}), **changes}
    return ["train", str(FILMS), "--rung", rung, "--out", str(out), *settings(values), *more]


def _child(place: tuple[int, int, int], said: Path, work: Callable[..., None], given: Any) -> None:
    """One of several processes, as a launcher starts it."""
    rank, size, port = map(str, place)
    os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=size, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.set_num_threads(1)
    with said.open("w") as stream:
        sys.stdout = sys.stderr = stream
        try:
            work(given, int(rank))
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None


def _program(given: tuple[list[str], Callable[[int], None] | None], rank: int) -> None:
    from textladder import cli

    command, before = given
    sys.argv = ["textladder", *command]
    if before is not None:
        before(rank)
    cli.main()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def side_by_side(
    work: Callable[..., None], said: Path, given: Any, size: int = 2, seconds: float = 60
) -> list[tuple[int | None, str]]:
    """`work(given, rank)` in each of several processes: their exit codes and what they said."""
    said.mkdir()
    port, files = free_port(), [said / f"{rank}.txt" for rank in range(size)]
    children = [
        CONTEXT.Process(target=_child, args=((rank, size, port), files[rank], work, given))
        for rank in range(size)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=seconds)
        if child.exitcode is None:
            child.kill()
    return [(child.exitcode, file.read_text()) for child, file in zip(children, files, strict=True)]


def together(
    command: list[str], said: Path, before: Callable[[int], None] | None = None, size: int = 2
) -> list[tuple[int | None, str]]:
    """The command on two processes: exit code and output of each."""
    return side_by_side(_program, said, (command, before), size)


def alone(command: list[str], said: Path) -> None:
    ((code, output),) = together(command, said, size=1)
    assert code == 0, output


def assert_same_result(one: Path, two: Path) -> None:
    a, b = weights_of(one / "model"), weights_of(two / "model")
    assert a.keys() == b.keys()
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=1e-3, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    first, second = (json.loads((out / "scores.json").read_text()) for out in (one, two))
    for part in ("dev", "test"):
        assert first[part]["scores"] == pytest.approx(second[part]["scores"], rel=1e-3)
        assert first[part]["interval"] == pytest.approx(second[part]["interval"], rel=1e-3)
    losses = [
        [json.loads(line).get("loss", 0.0) for line in (out / "log.jsonl").read_text().splitlines()]
        for out in (one, two)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("rung", ["ngrams", "bow"])  # lstm: below, started by torchrun
def test_two_processes_equal_one(rung: str, tmp_path: Path) -> None:
    alone(words(rung, tmp_path / "one"), tmp_path / "first")
    (main, said), (other, quiet) = together(words(rung, tmp_path / "two"), tmp_path / "said")
    assert (main, other) == (0, 0), said + quiet
    assert "test accuracy" in said
    assert quiet == ""
    assert_same_result(tmp_path / "one", tmp_path / "two")
    assert sorted(os.listdir(tmp_path / "one")) == sorted(os.listdir(tmp_path / "two"))


def test_torchrun_equals_one_process(tmp_path: Path) -> None:
    alone(words("lstm", tmp_path / "one"), tmp_path / "first")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, "--master-port", str(free_port()), "-m", "textladder", *words("lstm", tmp_path / "two")],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_same_result(tmp_path / "one", tmp_path / "two")


def _watch(action: Callable[[], None], process: int, step: int) -> None:
    """In one process, do something when a step has been taken."""
    from textladder.trainer import Trainer

    plain = Trainer._record

    def record(self: Trainer, taken: Any, log: Any) -> None:
        plain(self, taken, log)
        if taken.step == step and distributed.rank() == process:
            action()

    Trainer._record = record  # type: ignore[method-assign]  # in a process of its own


def _disk_full() -> None:
    from textladder.errors import Problem

    raise Problem("somewhere", "the disk is full.", "Make room.")


def _second_fails(rank: int) -> None:
    _watch(_disk_full, 1, 3)


def _first_fails(rank: int) -> None:
    _watch(_disk_full, 0, 3)


def _second_is_killed(rank: int) -> None:
    _watch(lambda: os.kill(os.getpid(), signal.SIGKILL), 1, 3)


def _second_is_stopped(rank: int) -> None:
    _watch(lambda: os.kill(os.getpid(), signal.SIGTERM), 1, 3)


@pytest.mark.parametrize(("before", "failing"), [(_second_fails, 1), (_first_fails, 0)])
def test_an_error_in_one_ends_both(before: Callable[[int], None], failing: int, tmp_path: Path) -> None:
    ended = together(words("ngrams", tmp_path / "run"), tmp_path / "said", before)
    assert [code for code, _ in ended] == [2, 2]
    assert "disk is full" in ended[failing][1]
    assert "another process cannot be reached" in ended[1 - failing][1]
    assert "Traceback" not in ended[0][1] + ended[1][1]


def test_a_killed_process_does_not_hang_the_other(tmp_path: Path) -> None:
    (main, said), (other, _) = together(words("lstm", tmp_path / "run"), tmp_path / "said", _second_is_killed)
    assert (main, other) == (2, -signal.SIGKILL)
    assert "another process cannot be reached" in said


def test_a_signal_to_one_stops_both_and_resuming_is_exact(tmp_path: Path) -> None:
    """With dropout: each process goes on with its own random numbers."""
    dropout = {"encoder.dropout": 0.4, "encoder.word_dropout": 0.1}
    whole = together(words("lstm", tmp_path / "whole", **dropout), tmp_path / "a")
    command = words("lstm", tmp_path / "parts", "--resume", **dropout)
    stopped = together(command, tmp_path / "b", _second_is_stopped)
    resumed = together(command, tmp_path / "c")
    assert [code for code, _ in whole + stopped + resumed] == [0, 0, 143, 143, 0, 0]
    a, b = ((tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("whole", "parts"))
    assert a == b


def test_a_finished_folder_is_refused_by_both(tmp_path: Path) -> None:
    command = words("bow", tmp_path / "run", **{"training.epochs": 1})
    assert [code for code, _ in together(command, tmp_path / "a")] == [0, 0]
    again = together(command, tmp_path / "b")
    assert [code for code, _ in again] == [2, 2]
    assert all("holds a finished run" in said for _, said in again)
    over = together([*command, "--overwrite"], tmp_path / "c")
    assert [code for code, _ in over] == [0, 0]


def test_on_one_process_everything_is_the_identity() -> None:
    dense, sparse = torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(3, 2))
    dense.grad = torch.full((3, 2), 2.0)
    sparse.grad = torch.sparse_coo_tensor(
        torch.tensor([[0, 0]]), torch.ones(2, 2), (3, 2), check_invariants=False
    )
    before = dense.grad, sparse.grad
    distributed.sum_gradients([dense, sparse])
    assert (dense.grad, sparse.grad) == before
    value = {"any": "thing"}
    assert distributed.share(value) is value
    assert distributed.gather(value)[0] is value
    assert distributed.on_main(lambda: value) is value
    assert distributed.total(1.5, 2.0) == (1.5, 2.0)
    assert distributed.largest(3.0) == 3.0
    assert (distributed.rank(), distributed.size(), distributed.is_main()) == (0, 1, True)
    distributed.start(), distributed.barrier(), distributed.stop()


def test_only_one_file_names_torch_distributed() -> None:
    folder = Path(package.__file__).parent
    naming = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            )
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if any(f"{module}.{name}".strip(".").startswith("torch.distributed") for name in names):
                naming.add(path.name)
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("torch.distributed"):
                naming.add(path.name)
    assert naming == {"distributed.py"}
