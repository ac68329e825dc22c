"""How the program ends: what each kind of error says on stderr, and its exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from textladder.errors import Problem
from textladder.signals import Interrupted

FAILED, INTERRUPTED = 2, 130


def guarded(command: Callable[[], Any]) -> int:
    """The exit code of a command. Only an error of our own, which no user can mend, is left to be raised."""
    _open_streams()
    try:
        code = _ended(command)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        _forget_stdout()
        return 0
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            raise
        _forget_stdout()
        return _say(
            Problem("the output", f"it cannot be written ({os.strerror(error.errno)}).", "Make room.")
        )
    return code


def _ended(command: Callable[[], Any]) -> int:
    """Run the command; the code for how it ended."""
    try:
        ended = command()
        return ended if isinstance(ended, int) else 0
    except Problem as problem:
        return _say(problem)
    except typer.Exit as request:
        return request.exit_code
    except Interrupted as stop:
        said = "; the state is saved. To go on" if stop.saved else ". To begin anew"
        same = "run the same command again (train: with --resume)."
        again = same if stop.again is None else f"run: {stop.again}"
        typer.echo(f"textladder: stopped{said}, {again}", err=True)
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("textladder: stopped.", err=True)
        return INTERRUPTED
    except MemoryError:
        return _say(_MEMORY)
    except SystemExit:  # rich's answer to a closed pipe
        return 0
    except RuntimeError as error:
        # torch has no type of its own for an allocation on the processor that fails.
        if not any(
            words in str(error).lower() for words in ("out of memory", "not enough memory", "allocate memory")
        ):
            raise
        return _say(_MEMORY)
    except Exception as error:
        if not hasattr(error, "format_message"):  # all usage errors of the command line parser have it
            raise
        return _usage(error)


_MEMORY = Problem("memory", "it ran out.", "Try a smaller --set training.batch_units, or a cheaper rung.")


def _say(problem: Problem) -> int:
    typer.echo(f"textladder: {problem}", err=True)
    return problem.exit_code


def _usage(error: Any) -> int:
    """What the parser says of a wrong command line, and where help is."""
    context = getattr(error, "ctx", None)
    program = context.command_path if context is not None else "textladder"
    near = getattr(error, "possibilities", None)
    what = f"{error.message}. Did you mean {' or '.join(near)}?" if near else error.format_message()
    typer.echo(f"{program}: {what}\nHelp: {program} --help", err=True)
    return FAILED


def _open_streams() -> None:
    """A closed stdout or stderr (`>&-`) is None in Python: what is said goes nowhere, without an error.
    Characters that the terminal's encoding lacks are escaped, not fatal."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the end)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Nothing more is written, also not when Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
