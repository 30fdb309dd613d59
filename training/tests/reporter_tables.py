"""Tables of made-up reporter sequences, and stores of them; shared by test modules."""

import numpy as np

from basenji_training.data.reporters.build import build_reporters
from basenji_training.data.reporters.settings import ReporterSettings
from basenji_training.store.reporters import ReporterStore

LEFT, RIGHT = "GGCCATTACGGATC", "TTGACCGTAAGC"
KMER = 20
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def letters(generator, length):
    return "".join(generator.choice(list("ACGT"), length))


def library(seed, families=30):
    """Draw families: a sequence, changes of one base, a shifted piece; each with a value."""
    generator = np.random.default_rng(seed)
    rows = []
    for family in range(families):
        insert = letters(generator, 40)
        members = [insert]
        for _ in range(generator.integers(0, 4)):
            place = generator.integers(40)
            members.append(insert[:place] + generator.choice(list("ACGT")) + insert[place + 1 :])
        members.append(insert[20:] + letters(generator, generator.integers(10, 25)))
        rows += [
            {
                "sequence": LEFT + member + RIGHT,
                "activity": generator.normal(),
                "cells": generator.integers(1, 2000),
                "set": "abc"[family % 3],
                "group": f"g{family}",
            }
            for member in members
        ]
    return rows


def write(path, rows, columns=None):
    columns = columns or list(rows[0])
    lines = ["\t".join(columns), *("\t".join(str(row[c]) for c in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def build(folder, tables, *, command="", **settings):
    out = folder / "store"
    given = {"kmer": KMER, "test_share": 20, "validation_share": 20, **settings}
    build_reporters(
        [str(table) for table in tables],
        ReporterSettings(**given),
        out=out,
        overwrite=True,
        command=command,
    )
    return ReporterStore.open(out)


def kmers(sequence, *, both):
    found = {sequence[i : i + KMER] for i in range(len(sequence) - KMER + 1)}
    return found | {each.translate(COMPLEMENT)[::-1] for each in found} if both else found
