"""The house: which room may import which, and what may stand where.

``python tests/test_layout.py [FOLDER]`` prints floors, circles, the largest folders and what breaks
a rule, of this checkout or of another one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from house import (
    MOST_FILES,
    PACKAGES,
    REPOSITORY,
    Module,
    circles,
    count_floors,
    folders,
    import_graph,
    read_house,
    read_module,
    room_graph,
    violations,
)


@pytest.fixture(scope="module")
def house() -> dict[str, Module]:
    """Read the house once."""
    return read_house()


def test_the_house_keeps_its_rules(house):
    assert violations(house) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_stand_on_few_floors(house, package):
    graph = room_graph(house, package)
    assert not circles(graph)
    assert count_floors(graph) <= 6


@pytest.mark.parametrize("folder", ["tests", "training/tests"])
def test_names_of_test_files_are_unique(folder):
    # They are imported by these names alone, whatever folder they lie in.
    names = [path.name for path in (REPOSITORY / folder).rglob("test_*.py")]
    assert len(names) == len(set(names))


PLANTED = {
    "upwards": ("basenji_kipoi.base.planted", "from basenji_kipoi.models.bundle import Bundle"),
    "upwards:folder": (
        "basenji_kipoi.models.planted",
        "from basenji_kipoi.models.incremental.steps import lower",
    ),
    "sideways": (
        "basenji_kipoi.genome.planted",
        "if TYPE_CHECKING:\n    from basenji_kipoi.models.bundle import Bundle",
    ),
    "sideways:apart": (
        "basenji_kipoi.models.incremental.planted",
        "def f():\n    from basenji_kipoi.genome.fasta import Genome",
    ),
    "package": ("basenji_kipoi.effects.planted", "import basenji_training.store.store"),
    "commands": ("basenji_training.fit.planted", "import typer"),
    "commands:argv": ("basenji_training.fit.planted", "import sys\nX = sys.argv[1:]"),
    "commands:cli": (
        "basenji_training.fit.planted",
        "from basenji_kipoi.cli.console import command_line",
    ),
    "kipoi": ("basenji_kipoi.models.planted", "import kipoi"),
    "keras": ("basenji_kipoi.genome.planted", "import keras"),
    "defined": ("basenji_kipoi.models.planted", "from basenji_kipoi.models.bundle import Path"),
    "pickle": ("basenji_training.store.planted", "def f():\n    import pickle"),
    "pickle:from": ("basenji_kipoi.models.planted", "from joblib import load"),
    "pickle:numpy": ("basenji_kipoi.models.planted", "x = np.load(path, allow_pickle=True)"),
    "missing": ("basenji_kipoi.models.planted", "import basenji_kipoi.nowhere"),
    "room": ("basenji_kipoi.attic.planted", ""),
    "length": ("basenji_kipoi.models.planted", "\n" * 401),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_violation_is_found(house, rule):
    name, text = PLANTED[rule]
    found = violations({**house, name: read_module(name, text)})
    # One file more may make a folder too large, which is another rule.
    new = {line for line in set(found) - set(violations(house)) if "folder" not in line}
    assert [line.split(":")[0] for line in new] == [rule.split(":")[0]]
    assert all("planted" in line for line in new)


def test_a_planted_circle_is_found(house):
    first, second = "basenji_kipoi.base.first", "basenji_kipoi.base.second"
    planted = {
        first: read_module(first, f"from {second} import B\nA = 1"),
        second: read_module(second, f"if TYPE_CHECKING:\n    from {first} import A\nB = 1"),
    }
    new = set(violations({**house, **planted})) - set(violations(house))
    assert f"circle: {first} {second}" in new


@pytest.mark.parametrize("text", ["from basenji_kipoi.models.bundle import Bundle", "import numpy"])
def test_an_eager_face_is_found(house, text):
    planted = read_module("basenji_kipoi.models", text, is_face=True)
    new = set(violations({**house, "basenji_kipoi.models": planted})) - set(violations(house))
    assert [line.split(":")[0] for line in new] == ["face"]


def test_a_crowded_folder_is_found(house):
    names = [f"basenji_kipoi.crowd.n{number}" for number in range(MOST_FILES + 1)]
    planted = {name: read_module(name, "") for name in names}
    found = violations({**house, **planted})
    assert f"folder: basenji_kipoi.crowd has {MOST_FILES + 1} files" in found


def show(repository: Path) -> None:
    """Print the measures of a checkout."""
    modules = read_house(repository)
    for package in PACKAGES:
        own = {name: module for name, module in modules.items() if module.package == package}
        graph = import_graph(own)
        crowded = max(folders(own).items(), key=lambda item: len(item[1]))
        rooms = room_graph(own, package)
        print(
            f"{package}: {len(own)} files on {count_floors(graph)} floors, "
            f"{len(circles(graph))} circles; {len(rooms)} rooms on {count_floors(rooms)} floors, "
            f"{len(circles(rooms))} circles; at most {len(crowded[1])} files a folder"
        )
        for group in circles(graph):
            print("  circle:", ", ".join(group))
    for line in violations(modules):
        print(" ", line)


if __name__ == "__main__":
    show(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY)
