"""The engine that suits some models, from those there are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from basenji_kipoi.base.resources import MEMORY_BYTES
from basenji_kipoi.effects.lowered import LoweredModels
from basenji_kipoi.effects.passes import columns_of
from basenji_kipoi.effects.shared_engine import SharedEngine
from basenji_kipoi.effects.stretch_engine import StretchEngine
from basenji_kipoi.models.incremental.steps import NotIncrementalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.engine import EffectEngine
    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["effect_engine"]


def effect_engine(
    bundles: Sequence[TrainedModel],
    genome: Genome,
    *,
    tracks: Sequence[int] | None = None,
    both_strands: bool | None = None,
    shifts: Sequence[int] = (0,),
    indels: IndelMode = "stitch",
    whole: bool = False,
    memory_bytes: int = MEMORY_BYTES,
) -> EffectEngine:
    """Choose the fastest engine that gives the numbers of whole passes.

    Parameters
    ----------
    bundles, genome, tracks, both_strands, shifts, indels, whole
        As `basenji_kipoi.effects.engine.PlainEngine` takes them.
    memory_bytes
        Memory that the engine may use beside the networks, about.

    Returns
    -------
    EffectEngine
        For substitutions a `StretchEngine`, if rows of bins that can change are enough and the
        networks allow it; for everything else a `SharedEngine`. That one runs whole networks, and
        logs why, where their operations are not known to keep changes local.
    """
    lowered = LoweredModels(columns_of(bundles[0], tracks).computed)
    options = {
        "tracks": tracks,
        "both_strands": both_strands,
        "shifts": shifts,
        "lowered": lowered,
    }
    if whole:
        return SharedEngine(
            bundles, genome, **options, indels=indels, whole=True, memory_bytes=memory_bytes
        )
    half = memory_bytes // 2
    other = partial(SharedEngine, bundles, genome, **options, indels=indels, memory_bytes=half)
    try:
        return StretchEngine(bundles, genome, **options, other=other, memory_bytes=half)
    except NotIncrementalError:
        return other()  # says why
