"""Ways in which files go wrong: by hand for each format, and at random."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["corruptions_of", "fuzzed", "sum_again"]

#: Places of a JSON file that are spoilt.
MOST_PLACES = 40


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Turn a change of a file's bytes into one of the file."""

    def spoil(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return spoil


def _lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return _bytes(lambda content: b"\n".join(change(content.split(b"\n"))))


def _missing(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _directory(path: Path) -> None:
    _missing(path)
    path.mkdir()


def _dangling(path: Path) -> None:
    _missing(path)
    path.symlink_to("nowhere")


def _fifo(path: Path) -> None:
    _missing(path)
    os.mkfifo(path)


#: What may be done to any file.
ANY = {
    "missing": _missing,
    "directory": _directory,
    "dangling": _dangling,
    "empty": _bytes(lambda _: b""),
    "half": _bytes(lambda content: content[: len(content) // 2]),
    "without_end": _bytes(lambda content: content[:-7]),
    "junk": _bytes(lambda _: random.Random(1).randbytes(3000)),
    "zeros": _bytes(lambda content: bytes(len(content))),
    "twice": _bytes(lambda content: content + content),
    "gzip_magic": _bytes(lambda content: b"\x1f\x8b\x08" + content[3:]),
    "html": _bytes(lambda _: b"<html><body>404 not found</body></html>\n"),
}


def _middle(lines: list[bytes], change: Callable[[bytes], bytes]) -> list[bytes]:
    """Change the middle one of the lines that are no comments."""
    places = [i for i, line in enumerate(lines) if line and not line.startswith(b"#")]
    if places:
        place = places[len(places) // 2]
        lines = [*lines[:place], change(lines[place]), *lines[place + 1 :]]
    return lines


def _column(number: int, value: bytes) -> Callable[[Path], None]:
    def change(line: bytes) -> bytes:
        columns = line.split(b"\t")
        if number < len(columns):
            columns[number] = value
        return b"\t".join(columns)

    return _lines(lambda lines: _middle(lines, change))


def _line(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return _lines(lambda lines: _middle(lines, change))


#: What may be done to a file of lines.
TEXT = {
    "crlf": _bytes(lambda content: content.replace(b"\n", b"\r\n")),
    "cr": _bytes(lambda content: content.replace(b"\n", b"\r")),
    "bom": _bytes(lambda content: b"\xef\xbb\xbf" + content),
    "utf16": _bytes(lambda content: content.decode("latin-1").encode("utf-16")),
    "nul": _line(lambda line: line[:4] + b"\0" + line[4:]),
    "latin1": _line(lambda line: line + b"\xe9\xff"),
    "line_separator": _line(lambda line: line + "\u2028x".encode()),
    "stray_cr": _line(lambda line: line[:3] + b"\r" + line[3:]),
    "spaces": _bytes(lambda content: content.replace(b"\t", b" ")),
    "quote": _line(lambda line: b'"' + line),
    "long_line": _line(lambda line: line + b"x" * 2_000_000),
    "fewer_columns": _line(lambda line: line.split(b"\t")[0]),
    "more_columns": _line(lambda line: line + b"\tmore\tand more"),
    "blank_lines": _bytes(lambda content: content.replace(b"\n", b"\n\n")),
    "without_newline": _bytes(lambda content: content.rstrip(b"\n")),
    "markup": _line(lambda line: b"[red]" + line + b"[/]"),
    **{
        f"column{number}_{name}": _column(number, value)
        for number in range(6)
        for name, value in [
            ("empty", b""),
            ("negative", b"-5"),
            ("huge", b"99999999999999999999999999"),
            ("nan", b"nan"),
            ("word", b"wo/rd"),
            ("float", b"1.5e300"),
        ]
    },
}


def _json(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return spoil


def _places(content: Any, prefix: tuple = ()) -> Iterator[tuple]:
    """Yield the places of all values, at most three of a list."""
    yield prefix
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _places(value, (*prefix, key))
    elif isinstance(content, list):
        for number, value in enumerate(content[:2]):
            yield from _places(value, (*prefix, number))


def _replaced(content: Any, place: tuple, value: Any) -> Any:
    if not place:
        return value
    copy = content.copy()
    if value is DELETED and len(place) == 1:
        del copy[place[0]]
    else:
        copy[place[0]] = _replaced(content[place[0]], place[1:], value)
    return copy


DELETED = object()
_VALUES = {
    "deleted": DELETED,
    "null": None,
    "text": "text/../\u2028[red]",
    "list": [1, [2]],
    "dict": {"a": {}},
    "negative": -1,
    "zero": 0,
    "huge": 10**25,
    "float": 1.5,
    "nan": float("nan"),
    "empty": "",
}


def json_corruptions(path: Path) -> dict[str, Callable[[Path], None]]:
    """Put wrong values at the places of a JSON file."""
    content = json.loads(path.read_text())
    places = [place for place in _places(content) if place]
    # Of a long file some places, evenly: what its parts have in common is not tried again.
    places = places[:: -(-len(places) // MOST_PLACES)] if places else []
    found: dict[str, Callable[[Path], None]] = {
        "list": _json(lambda content: [content]),
        "number": _json(lambda _: 5),
        "null": _json(lambda _: None),
        "nested": _bytes(lambda _: b"[" * 100_000),
        "extra": _json(lambda content: {**content, "more": 1} if isinstance(content, dict) else 1),
    }
    names = list(_VALUES)
    for number, place in enumerate(places):
        # Every place gets three of the values, all of them in turn.
        for step in range(3):
            name = names[(number * 3 + step) % len(names)]
            if name == "deleted" and isinstance(place[-1], int):
                continue
            label = ".".join(map(str, place)).replace("/", "_")
            found[f"{label}_{name}"] = _json(
                lambda content, place=place, value=_VALUES[name]: _replaced(content, place, value)
            )
    return found


def corruptions_of(path: Path, kind: str) -> dict[str, Callable[[Path], None]]:
    """List what may go wrong with a file of a kind: ``text``, ``json``, ``binary`` or ``packed``.

    What is packed is binary, and read from pipes as texts are.
    """
    found = dict(ANY)
    if kind == "text":
        found.update(TEXT)
    if kind not in ("text", "packed"):
        # Tables and texts are read from pipes.
        found["fifo"] = _fifo
    if kind == "json":
        found.update({"bom": TEXT["bom"], "latin1": TEXT["latin1"], **json_corruptions(path)})
    return found


def fuzzed(content: bytes, seed: int) -> bytes:
    """Change a few bytes, or move or remove some, at random."""
    draw = random.Random(seed)
    content = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5, 20])):
        place = draw.randrange(len(content) + 1)
        width = draw.choice([1, 1, 4, 30])
        match draw.randrange(5):
            case 0 if place < len(content):
                content[place] ^= 1 << draw.randrange(8)
            case 1:
                content[place : place + width] = draw.randbytes(width)
            case 2:
                del content[place : place + width]
            case 3:
                content[place:place] = content[place : place + width]
            case _:
                words = [b"\t", b"\n", b"-1", b"1e400", b"\xff", b'"', b"0", b"{}", b"[", b","]
                content[place : place + width] = draw.choice(words)
    return bytes(content)


def sum_again(bundle: Path) -> None:
    """Write the checksums of a bundle anew, so that what its files say is all that is wrong."""
    import hashlib

    path = bundle / "metadata.json"
    metadata = json.loads(path.read_text())
    for name in metadata.get("sha256", {}):
        if (bundle / name).is_file():
            metadata["sha256"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(metadata))
