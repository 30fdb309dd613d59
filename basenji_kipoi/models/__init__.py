"""Trained models: their description, network, tracks and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.models.bundle import Bundle, save_bundle
    from basenji_kipoi.models.model import Model, load
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.building import build_network
    from basenji_kipoi.models.targets import Target, Targets

__all__ = [
    "Architecture",
    "Bundle",
    "Model",
    "Target",
    "Targets",
    "build_network",
    "load",
    "save_bundle",
]

__getattr__, __dir__ = face(__name__)
