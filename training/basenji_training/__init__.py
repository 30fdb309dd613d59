"""Makes Basenji models: data, training, evaluation and export."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
