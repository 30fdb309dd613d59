"""Reading all of a store, to see that it holds what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import UNKNOWN
from basenji_training.store.description import MAKE_AGAIN

if TYPE_CHECKING:
    from basenji_training.store.store import Store

__all__ = ["verify_store"]

#: Bytes that are read at a time.
_PIECE_BYTES = 2**25


def verify_store(store: Store, *, label: str = "") -> None:
    """Read every value of a store.

    Parameters
    ----------
    store
        The store.
    label
        Text before a progress bar; no bar if empty.

    Raises
    ------
    InputError
        If a part cannot be read, its checksum is not that of its content, or it holds what no store
        holds: other codes than 0 to 4, negative or infinite coverage.
    """
    row = 4 * len(store.targets) + store.bin
    size = max(_PIECE_BYTES // row, 1)
    total = sum(store.chromosomes.values())
    with progress_bar(label, total=round(total / 1000), unit="kb") as advance:
        for chromosome, length in store.chromosomes.items():
            covered = store.covered(chromosome)
            # The last piece has the bases of the incomplete bin.
            for first in range(0, max(store.bins[chromosome], 1), size):
                last = min(first + size, store.bins[chromosome])
                end = length if last == store.bins[chromosome] else last * store.bin
                codes = store.sequence(chromosome, first * store.bin, end)
                values = store.coverage(chromosome, first, last)
                place = f"{store.path}: {chromosome}:{first * store.bin}-{end}"
                if codes.max(initial=0) > UNKNOWN:
                    raise InputError(f"{place} holds codes that are no bases: {MAKE_AGAIN}")
                if (values < 0).any() or np.isinf(values).any():
                    raise InputError(f"{place} holds negative or infinite coverage: {MAKE_AGAIN}")
                exists = np.isfinite(values).any(axis=1)
                if not np.array_equal(covered[first:last], exists):
                    raise InputError(
                        f"{place}: which bins have a value is noted otherwise than the coverage "
                        f"says: {MAKE_AGAIN}"
                    )
                advance((end - first * store.bin) / 1000)
