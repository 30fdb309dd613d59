"""Scores summed over linked variants (SED-LD, Kelley et al. 2018).

What a variant's association shows is the effects of all variants that it is linked to. So beside
the predicted change s of each variant stands

    sum over j of r_ij s_j

over the variants j of the table within a reach of i, r being the correlation of the numbers of ALT
alleles, with its sign. A variant that is not in the panel is linked to itself alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from basenji_kipoi.locus.exports.scores import AlleleScores
    from basenji_kipoi.locus.linkage import Linkage

__all__ = ["REACH", "linked_scores"]

#: Variants further apart are taken for not linked (bp).
REACH = 1_000_000
#: Variants that are summed at a time, beside those within their reach.
_CHUNK = 500


def linked_scores(
    scores: AlleleScores,
    linkage: Linkage,
    *,
    reach: int = REACH,
    advance: Callable[[int], object] = lambda _: None,
) -> np.ndarray:
    """Sum scores over linked variants, of each gene by itself.

    Parameters
    ----------
    scores
        The scores.
    linkage
        The linkage between the variants.
    reach
        Variants further apart are taken for not linked (bp).
    advance
        Called with numbers of rows that are done.

    Returns
    -------
    ndarray, float64, shape (rows, columns)
    """
    found = np.zeros_like(scores.values)
    groups: dict[tuple[str, str], list[int]] = {}
    for row, (key, gene) in enumerate(zip(scores.keys, scores.genes)):
        groups.setdefault((key[0], gene), []).append(row)
    for rows in groups.values():
        order = np.array(sorted(rows, key=lambda row: scores.keys[row][1]))
        positions = np.array([scores.keys[row][1] for row in order])
        for first in range(0, len(order), _CHUNK):
            chunk = order[first : first + _CHUNK]
            here = positions[first : first + _CHUNK]
            low, high = np.searchsorted(positions, [here[0] - reach, here[-1] + reach + 1])
            near = order[low:high]
            r = np.nan_to_num(linkage.among([scores.keys[row] for row in near]).r)
            np.fill_diagonal(r, 1)
            mine = r[first - low : first - low + len(chunk)]
            is_near = np.abs(positions[low:high] - here[:, None]) <= reach
            found[chunk] = (mine * is_near) @ scores.values[near]
            advance(len(chunk))
    return found
