"""From a file on disk to decoded lines: compression, encoding, line numbers. Streaming, whatever the size.

Lines are numbered from 1 and end at a line feed, as editors and `grep -n` count them.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

from textladder.errors import Problem, suggest

BLOCK_BYTES = 1 << 20
# The longest line, and the longest field of a CSV. A longer one is a file of another kind or an open quote.
LIMIT_BYTES = 16 << 20
# Texts up to this many bytes in all are too few to pay for loading compiled code (0.4 s).
WARM_UP_BYTES = 1 << 16
SAMPLE_ROWS = 1000  # what inference looks at
LISTED_FILES = 30  # of a folder, when a name in it is wrong; with more, those of a similar name

Row = tuple[int, Sequence[Any]]  # line, fields

PACKED = {".gz", ".zst"}
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def at(path: Path, line: int) -> str:
    """The place of a line, as messages name it."""
    return f"{path}, line {line:,}"


def check_file(path: Path) -> None:
    """Raises a Problem unless `path` is a regular file with something in it that may be read."""
    try:
        if path.is_dir():
            files = sorted(p.name for p in path.iterdir() if p.is_file() and not p.name.startswith("."))[:5]
            listed = f" It holds: {', '.join(files)}." if files else ""
            raise Problem(str(path), "this is a directory, not a file.", f"Name one file in it.{listed}")
        if not path.exists():
            raise Problem(str(path), "there is no such file.", _nearby(path))
        if not path.is_file():
            raise Problem(
                str(path),
                "this is not a regular file, and textladder reads a file more than once.",
                "Write its content to a file first.",
            )
        if path.stat().st_size == 0:
            raise Problem(str(path), "the file is empty.", "Give a file with text in it.")
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise Problem(
            str(path), f"the file cannot be read ({error}).", "Check its name and rights."
        ) from error


def _nearby(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} either. Check the path."
    files = [p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    if 0 < len(files) <= LISTED_FILES:
        return suggest(path.name, files)
    near, there = get_close_matches(path.name, files, n=2), f"The folder {folder.resolve()} has no such file."
    return f"Did you mean {' or '.join(near)}?" if near else there


def plain_suffix(path: Path) -> str:
    """The ending that tells the format: ".csv" of "a.csv" and of "a.csv.gz"."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def plain_stem(path: Path) -> str:
    """The name without that ending: "a" of "a.csv" and of "a.csv.gz"."""
    packed = path.suffix.lower() in PACKED
    return Path(path.stem).stem if packed else path.stem


def open_bytes(path: Path) -> IO[bytes] | Any:
    """The bytes of a file, decompressed if its first bytes are those of gzip or zstd."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(GZIP_MAGIC):
        return gzip.open(path, "rb")
    if magic == ZSTD_MAGIC:
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")
    if path.suffix.lower() in PACKED:
        raise Problem(
            str(path),
            f"the name ends with {path.suffix}, but the content is not compressed so.",
            "Rename the file, or write it again.",
        )
    return path.open("rb")


def blocks(path: Path, *, whole_lines: bool = True) -> Iterator[tuple[int, str]]:
    """(number of the first line, whole lines as one string), about BLOCK_BYTES at a time; see `checked`."""
    for line, _, text in checked(path, whole_lines=whole_lines):
        yield line, text


def checked(path: Path, *, whole_lines: bool = True) -> Iterator[tuple[int, bytes, str]]:
    """(number of the first line, whole lines as UTF-8, the same as a string), about BLOCK_BYTES at a time.

    whole_lines: False cuts lines longer than that (between characters), so that text on one line can be read.

    Raises a Problem that names the line for bytes that are not UTF-8, a NUL byte, a line over LIMIT_BYTES
    (whole_lines), and compressed data that is damaged or cut off.
    """
    line, before, rest = 1, 0, bytearray()  # before: bytes of this line that were given already
    with open_bytes(path) as file:
        while True:
            try:
                chunk = file.read(BLOCK_BYTES)
            except (OSError, EOFError, zlib.error) as error:
                raise Problem(
                    at(path, line + rest.count(b"\n")),
                    f"the file is damaged or cut off after this line ({str(error).rstrip('.')}).",
                    "Copy or compress it again; nothing of it was used.",
                ) from error
            if not chunk:
                break
            cut = chunk.rfind(b"\n") + 1
            if not cut and not whole_lines and len(rest) + len(chunk) > BLOCK_BYTES:
                cut = _between_characters(chunk)
            if cut:
                block = bytes(rest) + chunk[:cut]
                yield line, *_decoded(path, block, line, before)
                ends = block.count(b"\n")
                line, before = line + ends, (0 if ends else before) + len(block) - block.rfind(b"\n") - 1
                rest.clear()
            rest += chunk[cut:]
            if len(rest) > LIMIT_BYTES:
                raise Problem(
                    at(path, line),
                    f"this line is longer than {LIMIT_BYTES >> 20} MiB.",
                    "Is it a file of texts? Cut the text into parts, or put one record on each line.",
                )
    if rest:
        yield line, *_decoded(path, bytes(rest), line, before)


def _between_characters(chunk: bytes) -> int:
    """The last place of a chunk of UTF-8 where a character begins."""
    place = len(chunk) - 1
    while place and chunk[place] & 0xC0 == 0x80:
        place -= 1
    return place


def _decoded(path: Path, block: bytes, line: int, before: int) -> tuple[bytes, str]:
    """The block without a byte order mark, and as a string."""
    if line == 1 and not before:
        if block.startswith(UTF16_MARKS):
            raise Problem(
                at(path, 1), "the file is UTF-16, not UTF-8.", "Save it as UTF-8 (iconv -f UTF-16 -t UTF-8)."
            )
        block = block.removeprefix(UTF8_MARK)
    nul = block.find(b"\0")
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        if nul < 0 or error.start < nul:
            head = block[: error.start]
            column = error.start - (head.rfind(b"\n") + 1) + 1 + (0 if b"\n" in head else before)
            raise Problem(
                at(path, line + head.count(b"\n")),
                f"byte {column} of the line, 0x{block[error.start]:02x}, is not UTF-8.",
                "Save the file as UTF-8, for example with: iconv -f WINDOWS-1252 -t UTF-8.",
            ) from error
    if nul >= 0:
        raise Problem(
            at(path, line + block.count(b"\n", 0, nul)),
            "there is a NUL byte in this line; text has none.",
            "Is it a file of texts? If so, remove the byte, for example with: tr -d '\\000'.",
        )
    return block, text


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line without its end) of every line; "\\n" and "\\r\\n" end a line."""
    for first, block in blocks(path):
        yield from enumerate(
            (part.removesuffix("\r") for part in block.removesuffix("\n").split("\n")), first
        )
