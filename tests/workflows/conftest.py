"""What the tests of the workflows share."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@pytest.fixture(scope="module")
def modules():
    """Import the modules of the workflows, which Snakemake finds in their folder."""
    sys.path.insert(0, str(WORKFLOWS))
    names = ("checking", "command_lines", "configuration", "costs", "inputs", "training_tables")
    names += ("loci_configuration", "loci_costs", "steps", "training_costs")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path.remove(str(WORKFLOWS))
    for name in names:
        del sys.modules[name]
