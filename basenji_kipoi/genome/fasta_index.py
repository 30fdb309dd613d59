"""Whether the index of a FASTA file is that of the file, as far as a quick look tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyfaidx

__all__ = ["CHECKED", "LONG", "misplaced_contig"]

#: Contigs that are looked at when a file with an index is opened, and how far (bytes).
CHECKED, LONG = 100, 1 << 16


def misplaced_contig(
    path: Path, index: Mapping[str, pyfaidx.IndexRecord], *, is_compressed: bool
) -> str | None:
    """Find a contig that does not lie where an index says.

    Parameters
    ----------
    path
        The FASTA file.
    index
        Its contigs: bases, place of the first one (bytes), bases and bytes of a line.
    is_compressed
        Whether it is compressed: then places are compared with each other alone.

    Returns
    -------
    str or None
        The first contig whose numbers are none or lead out of the file, or, of the first contigs,
        that has other lines than the file; None without any.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        for number, (name, record) in enumerate(index.items()):
            if record.rlen == 0:
                continue
            if record.rlen < 0 or record.offset < 1 or not 0 < record.lenc <= record.lenb:
                return name
            if is_compressed:
                continue
            lines, rest = divmod(record.rlen - 1, record.lenc)
            end = record.offset + lines * record.lenb + rest + 1
            if end > size or (number < CHECKED and not _fits(file, name, record, end)):
                return name
    return None


def _fits(file: BinaryIO, name: str, record: pyfaidx.IndexRecord, end: int) -> bool:
    """Tell whether a contig begins behind its name, and its first line and itself end in time.

    ``end`` is the place behind its last base.
    """
    before = min(record.offset, LONG)
    file.seek(record.offset - before)
    above, line = file.read(before), file.read(min(record.lenb, LONG))
    if not above.endswith(b"\n"):
        return False
    title = above[:-1].rpartition(b"\n")[2]
    # A title that is longer is not seen whole.
    if len(title) < before - 1 or before == record.offset:
        if not title.startswith(b">"):
            return False
        found = title[1:].split()
        if name.isascii() and found and found[0] != name.encode():
            return False
    is_cut = record.rlen <= record.lenc or record.lenb > LONG
    # Space at its end is for others to refuse, who can say so.
    end_of_line = line[record.lenc :].lstrip(b" \t\v\f")
    ends = b"\n" not in line[: record.lenc] and end_of_line in (b"\n", b"\r\n")
    if not (is_cut or ends):
        return False
    file.seek(end - 1)
    last, behind = file.read(1), file.read(LONG)
    is_last = not behind or (behind[:1] in b"\r\n" and behind.strip()[:1] in (b"", b">"))
    return last not in b"\r\n" and is_last
