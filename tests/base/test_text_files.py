"""One way of reading text: where lines end, which letters bytes are, what a table's cell is."""

from __future__ import annotations

import contextlib
import gzip
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable, table_rows, text_lines, write_table


def read(path):
    with text_lines(path, "test") as lines:
        return list(lines)


@given(st.lists(st.text(st.characters(exclude_characters="\n\0", codec="utf-8"))), st.booleans())
def test_lines_are_what_stands_between_line_feeds(tmp_path_factory, lines, compressed):
    lines = [f"x{line}x" for line in lines]
    content = "\n".join(lines).encode()
    path = tmp_path_factory.mktemp("text") / "t"
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert read(path) == list(enumerate(lines, start=1))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\r\r\n", ["a\rb\r"]),
        ("a\u2028b\x85c\x0cd\n".encode(), ["a\u2028b\x85c\x0cd"]),
        ("\ufeffa\n\ufeffb".encode(), ["a", "\ufeffb"]),
        ("é\n".encode() + "é\n".encode("latin-1"), ["é", "é"]),
        (b"", []),
        (b"\n\n", ["", ""]),
    ],
)
def test_line_ends_and_letters(tmp_path, content, expected):
    (tmp_path / "t").write_bytes(content)
    assert [line for _, line in read(tmp_path / "t")] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\0c\n", "is not a test file: it is not text"),
        ("one\ntwo\n".encode("utf-16"), "is not a test file: it is not text"),
        (gzip.compress(b"a\n" * 1000)[:-10], "is truncated or damaged"),
        (b"\x1f\x8bno gzip", "is truncated or damaged"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, message):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t")


def refuse(path, wanted):
    """Read a file as something whose line ``wanted`` is bad."""
    with text_lines(path, "test") as lines:
        for number, _ in lines:
            if number == wanted:
                raise ValueError("bad")


@pytest.mark.parametrize(
    ("line", "message"), [(1, r"t:1: bad$"), (2, r"t:2: it is not text in UTF-8; .*: bad$")]
)
def test_errors_of_the_reader_get_file_and_line(tmp_path, line, message):
    (tmp_path / "t").write_bytes(b"a\n\xff\n")
    with pytest.raises(InputError, match=message):
        refuse(tmp_path / "t", line)


@pytest.mark.parametrize("first", [1, 2, 50])
def test_a_pipe_that_fills_slowly(tmp_path, first):
    content = gzip.compress(b"a\nb\n")
    os.mkfifo(tmp_path / "pipe")
    begun = threading.Event()

    def pour():
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            pipe.write(content[:first])
            begun.wait(0.2)
            pipe.write(content[first:])

    writer = threading.Thread(target=pour)
    writer.start()
    assert read(tmp_path / "pipe") == [(1, "a"), (2, "b")]
    writer.join()


CELLS = st.text(st.characters(exclude_characters="\n\r\t\0", codec="utf-8"))


@given(st.lists(st.tuples(CELLS, CELLS)))
def test_tables_come_back_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "t.tsv"
    rows = [{"one": one, "two two": two} for one, two in rows]
    write_table(path, ["one", "two two"], rows)
    assert [row for _, row in table_rows(path, "test", ["one"])] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\n1\n", r"t:2: expected 2 tab-separated columns, found 1"),
        ("a\tb\n1\t2\t3\n", r"t:2: expected 2 tab-separated columns, found 3"),
        ("a\tc\n1\t2\n", r"t:1: no column b: expected a header"),
        ("a\tb\tb\n1\t2\t3\n", r"t:1: two columns 'b': expected a header"),
    ],
)
def test_malformed_tables_are_named(tmp_path, content, message):
    (tmp_path / "t").write_text(content)
    with pytest.raises(InputError, match=message):
        list(table_rows(tmp_path / "t", "test", ["a", "b"]))


def test_files_that_are_read_at_random(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe, but BAM files are read at random"):
        check_seekable(tmp_path / "pipe", "BAM")
    (tmp_path / "file").write_text("")
    check_seekable(tmp_path / "file", "BAM")
    check_seekable(tmp_path / "none", "BAM")


@pytest.mark.parametrize("odd", [b"", b"g\xe8ne", b"\xef\xbb\xbf", b"a\rb", b"\x00"])
def test_a_long_file_is_read_like_a_short_one(tmp_path, odd):
    """Files are read in blocks, whose borders no line knows of."""
    lines = [b"\xef\xbb\xbfline %d" % number + b"x" * (number % 97) for number in range(20_000)]
    lines[17_000] += odd
    (tmp_path / "t").write_bytes(b"\n".join(lines))
    found = []
    with contextlib.suppress(InputError), text_lines(tmp_path / "t", "test") as read_lines:
        found += read_lines
    expected = [line.decode("latin-1" if b"\xe8" in line else "utf-8") for line in lines]
    expected[0] = expected[0][1:]
    # Of a file that is no text, all before the line that shows it.
    stop = 17_000 if odd == b"\x00" else len(lines)
    assert found == list(enumerate(expected, start=1))[:stop]
    ends = [line + b"\r" for line in lines]
    (tmp_path / "t").write_bytes(b"\n".join(ends[:17_000]))
    assert [line for _, line in read(tmp_path / "t")[:-1]] == expected[: 17_000 - 1]
