"""Effects of substitutions from reference passes that neighbouring windows share."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from basenji_kipoi.base.sequence import Allele, is_substitution, one_hot, reverse_complement
from basenji_kipoi.effects.engine import EffectEngine, Effects
from basenji_kipoi.effects.lowered import LoweredModels
from basenji_kipoi.effects.passes import changed_bins, columns_of, passes_of
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.models.incremental.stretches import StretchNetwork
from basenji_kipoi.models.networks.operations import Pooling, needed_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Callable

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["StretchEngine"]

#: Longer replacements are left to the engine for everything else (bp).
_LONGEST = 64
#: Lengths of stretches are the shortest one and multiples of this share of it, so that few of them
#: have to be compiled.
_STRETCH_STEPS = 4
#: Numbers of rows are multiples of this, for the same reason.
_ROW_STEP = 8


class _Place(NamedTuple):
    """What one pass needs for an allele, in the direction in which the network reads.

    ``base`` is the first replaced base, ``needed`` are the bases and ``features`` the bins behind
    the last pool that the wanted bins depend on; all count from the window's start.
    """

    base: int
    needed: tuple[int, int]
    features: tuple[int, int]


class StretchEngine(EffectEngine):
    """Computes substitutions by what they change, from references that windows share.

    A stretch of the genome is run once for the alleles that lie near each other, whatever their
    windows (see `basenji_kipoi.models.incremental.stretches`). This is exact where the bins that an
    allele can change see no end of its window. Everything else is left to another engine:
    insertions and deletions, alleles near a window's end, and networks whose receptive field is too
    wide for their window.

    Parameters
    ----------
    bundles, genome, tracks, both_strands, shifts
        As `basenji_kipoi.effects.engine.PlainEngine` takes them.
    other
        Makes the engine for everything else, for the same models, tracks, strands and shifts. It is
        called when the first allele needs it.
    memory_bytes
        Memory that references and predictions of a group may take, about.
    lowered
        The networks, as other engines use them, too.

    Raises
    ------
    NotIncrementalError
        If a network has an operation whose changes are not known to stay local.
    """

    def __init__(
        self,
        bundles: Sequence[TrainedModel],
        genome: Genome,
        *,
        other: Callable[[], EffectEngine],
        tracks: Sequence[int] | None = None,
        both_strands: Optional[bool] = None,
        shifts: Sequence[int] = (0,),
        memory_bytes: int,
        lowered: LoweredModels | None = None,
    ) -> None:
        self.architecture = bundles[0].architecture
        self._passes = passes_of(bundles, both_strands=both_strands, shifts=shifts)
        self._genome, self._make_other = genome, other
        self._columns = columns_of(bundles[0], tracks)
        self.tracks = len(self._columns.forward)
        if lowered is None:
            lowered = LoweredModels(self._columns.computed)
        self._networks = [StretchNetwork(lowered.of(bundle)) for bundle in bundles]
        self._place = lru_cache(maxsize=1 << 16)(self._find_place)
        self._stretch_bytes = memory_bytes / 2 / max(n.bytes_a_base for n in self._networks)
        self._prediction_bytes = memory_bytes / 2
        first, last = self._span(self.architecture.window // 2, 1)
        self._allele_bytes = 2 * (last - first + _ROW_STEP) * self.tracks * 4

    @cached_property
    def _other(self) -> EffectEngine:
        return self._make_other()

    def is_local(self, allele: Allele) -> bool:
        """Tell whether an allele can be computed from shared stretches."""
        bases = len(allele.inserted)
        if not is_substitution(allele) or bases > _LONGEST:
            return False
        window = self.architecture.window
        for number in range(len(self._passes)):
            first, last = self._place(allele.position, bases, number).needed
            if first < 0 or last > window:
                return False
        return True

    def forget(self) -> None:
        """Hold nothing of earlier groups."""
        if "_other" in vars(self):
            self._other.forget()

    # ---- groups ----

    def groups(self, requests: Sequence[AlleleWindow]) -> Iterator[list[int]]:
        """Group alleles where a longer stretch costs less than one of their own."""
        others = []
        here = []
        for index, request in enumerate(requests):
            (here if self.is_local(request.allele) else others).append(index)
        if others:
            for group in self._other.groups([requests[index] for index in others]):
                yield [others[index] for index in group]
        here.sort(
            key=lambda i: (requests[i].chrom, requests[i].start + requests[i].allele.position)
        )
        group: list[int] = []
        cluster = None
        for index in here:
            request = requests[index]
            alone = _Cluster.of(request, self._place(*_size(request.allele), 0))
            joined = None
            if cluster is not None and requests[group[0]].chrom == request.chrom:
                joined = self._join(cluster, alone, len(group))
            if joined is None:
                if group:
                    yield group
                group, cluster = [], alone
            else:
                cluster = joined
            group.append(index)
        if group:
            yield group

    def _join(self, cluster: _Cluster, alone: _Cluster, alleles: int) -> _Cluster | None:
        joined = cluster.joined(alone)
        if (alleles + 1) * self._allele_bytes > self._prediction_bytes:
            return None
        if self._length(joined.end - joined.start) > self._stretch_bytes:
            return None
        network = self._networks[0]

        def work(one: _Cluster) -> float:
            numbers = [len({start % s for start in one.starts}) for s in network.strides]
            return network.work(one.end - one.start, numbers)

        return joined if work(joined) < work(cluster) + work(alone) else None

    def _length(self, needed: int) -> int:
        """Widen a stretch to one of few lengths (bp)."""
        size = self.architecture.bin
        shortest = self._shortest
        step = max(shortest // _STRETCH_STEPS // size, 1) * size
        return shortest + max(0, -(-(needed + 2 * size - shortest) // step)) * step

    @property
    def _shortest(self) -> int:
        """Length of the stretch of one substitution in the middle of its window (bp)."""
        size = self.architecture.bin
        first, last = self._place(self.architecture.window // 2, 1, 0).needed
        return (-(-(last - first) // size) + 3) * size

    # ---- predictions ----

    def effects(self, group: Sequence[AlleleWindow]) -> Effects:
        """Predict one group."""
        if not self.is_local(group[0].allele):
            return self._other.effects(group)
        spans = np.array([self._span(*_size(request.allele)) for request in group])
        rows = int((spans[:, 1] - spans[:, 0]).max())
        rows = -(-rows // _ROW_STEP) * _ROW_STEP
        # Pages of a large array that is written once are not touched twice.
        make = np.zeros if len(self._passes) > 1 else np.empty
        sums = make((2, len(group), rows, self.tracks), dtype=np.float32)
        for number in range(len(self._passes)):
            self._add(number, group, spans[:, 0], sums)
        if len(self._passes) > 1:
            sums /= len(self._passes)
        return Effects(spans[:, 0], spans[:, 1], sums[0], sums[1], self.architecture.bins)

    def _add(
        self, number: int, group: Sequence[AlleleWindow], first: np.ndarray, sums: np.ndarray
    ) -> None:
        """Add what one pass predicts."""
        each = self._passes[number]
        network = self._networks[each.model]
        columns = self._columns.reverse if each.reverse else self._columns.forward
        window, size, crop = (getattr(self.architecture, n) for n in ("window", "bin", "crop"))
        rows = sums.shape[2]
        places = [self._place(*_size(request.allele), number) for request in group]
        forward = np.array([request.start + each.shift for request in group])
        # The other strand is read towards smaller positions: all positions change their sign.
        starts = -(forward + window) if each.reverse else forward
        needed = np.array([place.needed for place in places])
        origin = int((starts + needed[:, 0]).min())
        length = self._length(int((starts + needed[:, 1]).max()) - origin)
        codes = self._read(group[0].chrom, origin, length, reverse=each.reverse)
        phases = (starts - origin) % size
        bins = (starts - origin) // size  # where each window starts among its phase's bins
        bases = starts - origin + np.array([place.base for place in places])
        mirrored = self.architecture.bins - first - rows
        wanted = bins + crop + (mirrored if each.reverse else first)
        features = bins[:, None] + np.array([place.features for place in places])
        lengths = np.array([len(request.allele.inserted) for request in group])
        take_all = np.array_equal(columns, np.arange(network.tracks))
        for reference in network.phases(codes, phases.tolist()):
            at_phase = phases == reference.phase
            for bases_a_allele in np.unique(lengths[at_phase]):
                members = np.flatnonzero(at_phase & (lengths == bases_a_allele))
                inserted = np.stack([group[member].allele.inserted for member in members])
                if each.reverse:
                    inserted = reverse_complement(inserted)
                replaced = codes[bases[members, None] + np.arange(bases_a_allele)]
                for batch, before, after in network.rows(
                    reference,
                    bases[members] - reference.phase,
                    one_hot(inserted) - one_hot(replaced),
                    wanted[members],
                    bins=rows,
                    needed=tuple(features[members].T),
                ):
                    for into, values in zip(sums, (before, after)):
                        found = values if take_all else values[:, :, columns]
                        found = found[:, ::-1] if each.reverse else found
                        if len(self._passes) > 1:
                            into[members[batch]] += found
                        else:
                            into[members[batch]] = found

    def _read(self, chrom: str, start: int, length: int, *, reverse: bool) -> np.ndarray:
        if reverse:
            return reverse_complement(self._genome.codes(chrom, -(start + length), -start))
        return self._genome.codes(chrom, start, start + length)

    # ---- geometry ----

    def _span(self, position: int, bases: int) -> tuple[int, int]:
        request = AlleleWindow("", 0, Allele(position, bases, np.zeros(bases, dtype=np.uint8)))
        return changed_bins(self.architecture, self._passes, request)

    def _find_place(self, position: int, bases: int, number: int) -> _Place:
        each, architecture = self._passes[number], self.architecture
        span, base = self._span(position, bases), position - each.shift
        if each.reverse:
            base = architecture.window - base - bases
            span = architecture.bins - span[1], architecture.bins - span[0]
        first, last = max(span[0], 0), min(span[1], architecture.bins)
        return _Place(
            base,
            architecture.needed_input(first, last),
            needed_by(_behind_last_pool(architecture), first, last),
        )


class _Cluster(NamedTuple):
    """Alleles that share a stretch: the bases [start, end) that it needs, and its windows."""

    start: int
    end: int
    starts: frozenset[int]

    @classmethod
    def of(cls, request: AlleleWindow, place: _Place) -> _Cluster:
        first, last = place.needed
        return cls(request.start + first, request.start + last, frozenset([request.start]))

    def joined(self, other: _Cluster) -> _Cluster:
        return _Cluster(
            min(self.start, other.start), max(self.end, other.end), self.starts | other.starts
        )


def _size(allele: Allele) -> tuple[int, int]:
    return allele.position, len(allele.inserted)


def _behind_last_pool(architecture: Architecture) -> list:
    trunk = architecture.trunk
    last = max(i for i, operation in enumerate(trunk) if isinstance(operation, Pooling))
    return trunk[last + 1 :]
