"""Measure how long a checkout takes to read a file; print a line of JSON.

`reading.py` starts it, with the checkout on ``PYTHONPATH``, for each file and checkout in turn. It
knows where the readers are and were.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections import Counter, deque
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Modules of which the first that there is has the reader: today's place before former ones.
READERS = {
    "bed": ("basenji_kipoi.genome.intervals", "basenji_kipoi.intervals"),
    "gtf": ("basenji_kipoi.genome.genes", "basenji_kipoi.genes"),
    "vcf": ("basenji_kipoi.genome.vcf", "basenji_kipoi.variants"),
    "fragments": ("basenji_training.reads.fragments",),
}


def module_of(kind: str) -> Any:  # noqa: ANN401 - a module, whatever it holds
    """Import the module that reads a kind of file."""
    for name in READERS[kind]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"this checkout has no reader of {kind}")


def reader_of(kind: str, path: Path, contigs: dict[str, int]) -> Callable[[], int]:
    """Return what reads the file and counts its records."""
    module = module_of(kind)
    if kind == "bed":
        return lambda: len(module.read_bed(path, contigs))
    if kind == "gtf":
        genome = SimpleNamespace(path=Path("genome.fa"), lengths=contigs)
        return lambda: len(module.read_genes(path, genome))
    if kind == "fragments":
        settings = importlib.import_module("basenji_training.reads.settings").RECIPES["chip"]
        source = module.Fragments(path, contigs)
        return lambda: sum(len(rows) for _, rows in source.rows(settings, Counter()))

    def alleles() -> int:
        with module.VariantFile(path) as variants:
            numbered = enumerate(variants, start=1)
            return deque(numbered, maxlen=1).pop()[0]

    return alleles


def main(kind: str, path: str, contigs: str, repeats: str) -> None:
    """Read a file some times; print the records and the seconds of a processor of each time."""
    read = reader_of(kind, Path(path), json.loads(contigs))
    records = read()  # warms up
    seconds = []
    for _ in range(int(repeats)):
        start = time.process_time()
        read()
        seconds.append(time.process_time() - start)
    print(json.dumps({"records": records, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
