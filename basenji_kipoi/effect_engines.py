"""The engine that suits some models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.effects import PlainEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.bundle import Bundle
    from basenji_kipoi.effects import EffectEngine, IndelMode
    from basenji_kipoi.genome import Genome

__all__ = ["effect_engine"]


def effect_engine(
    bundles: Sequence[Bundle],
    genome: Genome,
    *,
    tracks: Sequence[int] | None,
    both_strands: bool | None,
    shifts: Sequence[int],
    indels: IndelMode,
    whole: bool,
    memory_bytes: int,
) -> EffectEngine:
    """Choose the engine."""
    return PlainEngine(
        bundles,
        genome,
        tracks=tracks,
        both_strands=both_strands,
        shifts=shifts,
        indels=indels,
        whole=whole,
    )
