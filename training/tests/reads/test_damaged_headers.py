"""A file of reads whose header is damaged ends in our message alone."""

from __future__ import annotations

import subprocess
import sys

import pysam

PROGRAM = """
import sys
from basenji_kipoi.base.errors import InputError
from basenji_training.reads.sources import _open

try:
    _open(__import__("pathlib").Path(sys.argv[1]), None)
except InputError as error:
    print(error)
"""


def test_nothing_is_printed_beside_the_error(tmp_path):
    path = tmp_path / "a.bam"
    # A header that ends before it should.
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(b"BAM\1\xff\0\0\0@HD\tVN:1.6\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=True
    )
    assert "a.bam cannot be read: " in done.stdout
    assert done.stderr == ""
