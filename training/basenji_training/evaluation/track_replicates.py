"""Replicates of tracks: agreement of predictions with them, beside that among themselves."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import table_rows
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.measures.held_out import KeptBins
from basenji_training.measures.rank_figures import correlation_of
from basenji_training.store.genome import StoreGenome
from basenji_training.tracks.bigwig_tracks import contig_length, locate_tracks, read_bins

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_training.measures.held_out import Bins, Place
    from basenji_training.store.windows import Windows

__all__ = ["Replicate", "Replicates", "read_replicates"]

_COLUMNS = ("identifier", "replicate", "file")


class Replicate(NamedTuple):
    """One replicate of a track.

    Attributes
    ----------
    identifier : str
        The track.
    name : str
        The replicate's name, for instance 1.
    path : Path
        Its bigWig.
    """

    identifier: str
    name: str
    path: Path


def read_replicates(
    path: str | os.PathLike[str], targets: Targets, *, folder: Path | None = None
) -> list[Replicate]:
    """Read a table of replicates, tab-separated, with columns identifier, replicate and file.

    Parameters
    ----------
    path
        The table.
    targets
        The model's tracks.
    folder
        Where relative file names start; by default the table's folder.

    Returns
    -------
    list of Replicate
        In the order of the table.

    Raises
    ------
    InputError
        If the table cannot be read, a line does not fit (names the line), or a track has only one
        replicate.
    """
    path = Path(path)
    folder = path.parent if folder is None else Path(folder)
    found: dict[tuple[str, str], Replicate] = {}
    for number, fields in table_rows(path, "table of replicates", _COLUMNS):
        where = f"{path}:{number}"
        identifier, name, file = (fields[column] for column in _COLUMNS)
        if not (identifier and name and file):
            raise InputError(f"{where}: expected a value for each of {', '.join(_COLUMNS)}")
        if identifier not in targets.labels:
            raise InputError(f"{where}: the model has no track {identifier!r}")
        if (identifier, name) in found:
            raise InputError(f"{where}: replicate {name} of {identifier} stands twice")
        found[identifier, name] = Replicate(identifier, name, folder / file)
    identifiers = [each.identifier for each in found.values()]
    for identifier in identifiers:
        if identifiers.count(identifier) < 2:
            raise InputError(
                f"{path}: {identifier} has one replicate: name at least two, to be compared with "
                "each other"
            )
    return list(found.values())


class Replicates:
    """Collects replicates beside predictions (`basenji_training.measures.held_out.Collector`).

    Parameters
    ----------
    replicates
        The replicates.
    windows
        The windows that will be added.
    targets
        The model's tracks.
    resolution
        Width of the bins that are compared (bp).

    Raises
    ------
    InputError
        If a bigWig is missing or of another assembly.
    """

    def __init__(
        self,
        replicates: Sequence[Replicate],
        windows: Windows,
        targets: Targets,
        resolution: int,
    ) -> None:
        labels = targets.labels
        self._replicates = list(replicates)
        self._columns = np.array([labels.index(each.identifier) for each in replicates])
        self._targets, self._position = targets, windows.store.position
        sum_stats = [targets[column].sum_stat for column in self._columns]
        rows = [
            Target(
                index=index,
                identifier=f"{each.identifier}:{each.name}".replace(" ", "_"),
                file=str(each.path.absolute()),
                # The power of sum_sqrt is undone in what replicates are compared with.
                sum_stat="sum" if sum_stat == "sum_sqrt" else sum_stat,
                strand_pair=index,
            )
            for index, (each, sum_stat) in enumerate(zip(replicates, sum_stats, strict=True))
        ]
        contigs = StoreGenome(windows.store).lengths
        self._tracks = locate_tracks(Targets(rows), Path(), contigs)
        self._bin = windows.store.bin
        # Predictions and observations of the tracks; beside both, the replicates.
        self._kept = KeptBins(windows, 2 * sum_stats, resolution)

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Read the replicates of a window and keep its bins."""
        pair = np.concatenate([predicted[:, self._columns], observed[:, self._columns]], axis=1)
        read = np.full((len(pair), len(self._tracks)), np.nan)
        contig, offset = self._position(place.chromosome)
        start = offset + place.start
        # Whole bins of the contig that the window holds.
        first = max(-(start // self._bin), 0)
        for column, track in enumerate(self._tracks):
            length = contig_length(track, contig)
            last = 0 if length is None else min((length - start) // self._bin, len(read))
            if first < last:
                span = start + first * self._bin, start + last * self._bin
                read[first:last, column] = read_bins(track, contig, *span, self._bin)
        self._kept.see(place, pair, np.concatenate([read, read], axis=1))

    def figures(self) -> tuple[list[dict[str, Any]], Bins]:
        """Compare predictions with replicates, and replicates with each other.

        Correlations of log(1 + counts) need counts of one depth: predictions, which have that of
        the track, are scaled to the replicate's by the ratio of the two means.

        Returns
        -------
        tracks : list of dict
            For each track ``pairs`` (``first`` is "prediction" or a replicate, ``second`` a
            replicate), the means over the pairs of each kind that have a figure, and the
            ``reason`` why some have none, or None.
        bins : Bins
            What was compared: replicates stand in `observed`, predictions of that depth in
            `predicted`.
        """
        bins = self._kept.arrays()
        number = len(self._replicates)
        predicted, track = bins.predicted[:, :number], bins.predicted[:, number:]
        replicates = bins.observed[:, :number]
        scaled = np.full_like(predicted, np.nan)
        found = []
        for column in dict.fromkeys(self._columns.tolist()):
            members = np.flatnonzero(self._columns == column)
            # All pairs on the same bins: those that the track and every replicate have. One that
            # has none at all must not take them from the others.
            known = members[np.isfinite(replicates[:, members]).any(axis=0)]
            exists = np.isfinite(track[:, members[0]])
            exists &= np.isfinite(replicates[:, known]).all(axis=1)
            depth = track[exists][:, members[:1]].mean(dtype=np.float64) if exists.any() else np.nan
            means = replicates[exists][:, members].mean(axis=0, dtype=np.float64)
            scaled[np.ix_(exists, members)] = predicted[np.ix_(exists, members)] * (
                means / depth if depth > 0 else np.nan
            )
            pairs = [("prediction", self._replicates[m].name, scaled[:, m], m) for m in members]
            pairs += [
                (self._replicates[a].name, self._replicates[b].name, replicates[:, a], b)
                for a, b in combinations(members, 2)
            ]
            found.append(_compared(self._targets[column].identifier, pairs, replicates, exists))
        return found, bins._replace(predicted=scaled, observed=replicates)

    @property
    def replicates(self) -> list[Replicate]:
        """The replicates, in the order of the columns of `figures`."""
        return self._replicates


def _compared(
    identifier: str,
    pairs: list[tuple[str, str, np.ndarray, int]],
    replicates: np.ndarray,
    exists: np.ndarray,
) -> dict[str, Any]:
    first = np.stack([values[exists] for _, _, values, _ in pairs], axis=1)
    second = np.stack([replicates[exists, other] for *_, other in pairs], axis=1)
    one_block = np.zeros(len(first), dtype=int)
    raw = correlation_of(first, second, one_block).result()
    logarithmic = correlation_of(np.log1p(first), np.log1p(second), one_block).result()
    rows = [
        {"first": a, "second": b, "pearson": r, "pearson_log1p": log_r}
        for (a, b, *_), r, log_r in zip(pairs, raw, logarithmic, strict=True)
    ]
    # Of a replicate without any signal no pair has a figure; the means are those of the others.
    alive = {
        name
        for row in rows
        if np.isfinite(row["pearson"])
        for name in (row["first"], row["second"])
    }
    dead = sorted({row["second"] for row in rows} - alive)
    kinds = {
        "prediction": [row for row in rows if row["first"] == "prediction"],
        "replicate": [row for row in rows if row["first"] != "prediction"],
    }
    return {
        "identifier": identifier,
        "bins": int(exists.sum()),
        **{
            f"{kind}_replicate_{figure}": _mean([row[figure] for row in members])
            for kind, members in kinds.items()
            for figure in ("pearson", "pearson_log1p")
        },
        "pairs": rows,
        "reason": f"constant or missing: {', '.join(dead)}" if dead else None,
    }


def _mean(figures: list[float]) -> float:
    known = [figure for figure in figures if np.isfinite(figure)]
    return float(np.mean(known)) if known else np.nan
