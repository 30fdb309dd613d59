"""How much memory predictions may take where nobody says so."""

from __future__ import annotations

__all__ = ["MEMORY_BYTES"]

#: Memory beside the networks (bytes): for what windows share, and for predictions at hand.
MEMORY_BYTES = 2 << 30
