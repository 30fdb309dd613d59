"""The rules of the house, and what reads the imports that they are about."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
#: Where each package lies.
PACKAGES = {"basenji_kipoi": "basenji_kipoi", "basenji_training": "training/basenji_training"}
#: Rooms of each package, from the ground up: a room imports rooms of lower floors only.
FLOORS = {
    "basenji_kipoi": [
        ["base"],
        ["figures", "genome", "models"],
        ["activities", "effects", "kipoi_directories", "prediction", "published"],
        ["comparison", "interpretation", "mutagenesis", "scoring"],
        ["locus"],
        ["cli"],
    ],
    "basenji_training": [
        ["optimisation", "reads", "simulation", "splits", "tracks"],
        ["coverage", "store"],
        ["data", "measures"],
        ["fit"],
        ["evaluation"],
        ["cli"],
    ],
}
#: Files beside the rooms, which none of a room's files may import but the first of them.
BESIDE = {"faces", "kipoi_compatibility", "__main__"}
#: Folders of a room that stand on the rest of it, which never imports them.
UPPER = ("basenji_kipoi.models.incremental",)
#: What imports Keras when it is imported; everything else does so when it runs.
KERAS = (
    "interpretation.gradients",
    "models.incremental.",
    "models.networks.backend",
    "models.networks.building",
)
#: Files that show progress at a terminal, outside of the commands.
RICH = {"basenji_kipoi.base.progress"}
#: Libraries that run code when they read what they wrote.
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MOST_FILES, MOST_LINES = 10, 400


@dataclass(frozen=True)
class Import:
    """One name that a module imports."""

    module: str
    name: str | None
    line: int
    at_top: bool


@dataclass(frozen=True)
class Module:
    """A file of a package: what it imports and defines."""

    name: str
    lines: int
    imports: tuple[Import, ...]
    defined: frozenset[str]
    is_face: bool
    reads_argv: bool
    unpickles: tuple[int, ...] = ()

    @property
    def package(self) -> str:
        return self.name.split(".")[0]

    @property
    def room(self) -> str:
        """The folder that it lies in; empty beside the rooms."""
        parts = self.name.split(".")
        if len(parts) == 1 or (len(parts) == 2 and not self.is_face):
            return ""
        return parts[1]


def read_module(name: str, text: str, *, is_face: bool = False) -> Module:
    """Read the imports, those for type checkers too, and the definitions of a module."""
    tree = ast.parse(text)
    top = set(_at_top(tree))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: relative import"
            imports += [Import(node.module, a.name, node.lineno, node in top) for a in node.names]
        elif isinstance(node, ast.Import):
            imports += [Import(a.name, None, node.lineno, node in top) for a in node.names]
    defined = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                defined |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    reads_argv = any(
        isinstance(node, ast.Attribute)
        and node.attr == "argv"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
        for node in ast.walk(tree)
    )
    unpickles = tuple(
        node.value.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "allow_pickle"
        and getattr(node.value, "value", None) is not False
    )
    return Module(
        name,
        text.count("\n"),
        tuple(imports),
        frozenset(defined),
        is_face,
        reads_argv,
        unpickles,
    )


def _at_top(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield statements that run at import: not those of functions or for type checkers alone."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            continue
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def read_house(repository: Path = REPOSITORY) -> dict[str, Module]:
    """Read all modules of both packages, by name."""
    modules = {}
    for package, folder in PACKAGES.items():
        for path in sorted((repository / folder).rglob("*.py")):
            parts = [package, *path.relative_to(repository / folder).with_suffix("").parts]
            is_face = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_face else parts)
            modules[name] = read_module(name, path.read_text(encoding="utf-8"), is_face=is_face)
    return modules


def imported_modules(module: Module, modules: Mapping[str, Module]) -> Iterator[tuple[str, Import]]:
    """Yield the modules of the two packages that a module imports."""
    for each in module.imports:
        inner = f"{each.module}.{each.name}"
        name = inner if inner in modules else each.module
        if name.split(".")[0] in PACKAGES:
            yield name, each


def import_graph(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """Map each module to those of its own package that it imports."""
    return {
        name: {
            other
            for other, _ in imported_modules(module, modules)
            if other in modules and other != name and other.startswith(module.package + ".")
        }
        for name, module in modules.items()
    }


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Find the groups of modules that import each other (strongly connected components)."""
    reach = {name: _reachable(graph, name) for name in graph}
    found, seen = [], set()
    for name in sorted(graph):
        group = sorted({other for other in reach[name] if name in reach[other]})
        if group and name not in seen:
            found.append(group)
            seen |= set(group)
    return found


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    reached, waiting = set(), list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return reached


def count_floors(graph: Mapping[str, set[str]]) -> int:
    """Count the floors of a graph: the longest way down, a circle being one floor."""
    group_of = {name: (name,) for name in graph}
    for group in circles(graph):
        group_of.update(dict.fromkeys(group, tuple(group)))
    heights: dict[tuple[str, ...], int] = {}

    def height(group: tuple[str, ...]) -> int:
        if group not in heights:
            below = {group_of[other] for name in group for other in graph[name]} - {group}
            heights[group] = 1 + max(map(height, below), default=0)
        return heights[group]

    return max(map(height, group_of.values()), default=0)


def room_graph(modules: Mapping[str, Module], package: str) -> dict[str, set[str]]:
    """Map each room of a package to the rooms of it that it imports."""
    rooms: dict[str, set[str]] = {}
    for module in modules.values():
        if module.package == package and module.room:
            others = rooms.setdefault(module.room, set())
            for other, _ in imported_modules(module, modules):
                if other in modules and modules[other].package == package:
                    others |= {modules[other].room} - {module.room, ""}
    return rooms


def floor_of(module: Module) -> int | None:
    """Tell the floor of a module's room; None beside the rooms."""
    for number, rooms in enumerate(FLOORS[module.package]):
        if module.room in rooms:
            return number
    return None


def violations(modules: Mapping[str, Module]) -> list[str]:
    """List what breaks a rule of the house, a line each."""
    found = [f"circle: {' '.join(group)}" for group in circles(import_graph(modules))]
    for module in modules.values():
        found += _imports_downwards(module, modules)
        found += _commands_apart(module)
        found += _light_face(module)
        found += _no_pickle(module)
        found += _from_where_defined(module, modules)
        if module.lines > MOST_LINES:
            found.append(f"length: {module.name} has {module.lines} lines")
    for folder, files in folders(modules).items():
        if len(files) > MOST_FILES:
            found.append(f"folder: {folder} has {len(files)} files")
    return found


def folders(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """List the files of each folder, faces aside."""
    found: dict[str, list[str]] = {}
    for module in modules.values():
        if not module.is_face:
            found.setdefault(module.name.rpartition(".")[0], []).append(module.name)
    return found


def _imports_downwards(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    floor = floor_of(module)
    if module.room and floor is None:
        yield f"room: {module.name} lies in a room without a floor"
        return
    for name, each in imported_modules(module, modules):
        where = f"{module.name}:{each.line} imports {name}"
        other = modules.get(name)
        if other is None:
            yield f"missing: {where}, which does not exist"
            continue
        if other.package != module.package:
            if module.package == "basenji_kipoi":
                yield f"package: {where}"
            elif other.room == "cli" and module.room != "cli":
                yield f"commands: {where}"
            continue
        for folder in UPPER:
            inside = [f"{each}.".startswith(f"{folder}.") for each in (module.name, name)]
            if module.room == folder.split(".")[1] and inside == [False, True]:
                yield f"upwards: {where}"
        if not module.room or module.room == other.room:
            continue
        if not other.room:
            beside = name.rpartition(".")[2]
            if beside in BESIDE - {"faces"}:
                yield f"upwards: {where}"
            continue
        if floor_of(other) is None or floor_of(other) >= floor:
            yield f"{'sideways' if floor_of(other) == floor else 'upwards'}: {where}"


def _commands_apart(module: Module) -> Iterator[str]:
    if module.room == "cli" or (not module.room and not module.is_face):
        return
    for each in module.imports:
        library = each.module.split(".")[0]
        if library in ("typer", "click") or (library == "rich" and module.name not in RICH):
            yield f"commands: {module.name}:{each.line} imports {each.module}"
        if library in ("kipoi", "kipoi_veff", "kipoiseq"):
            yield f"kipoi: {module.name}:{each.line} imports {each.module}"
    if module.reads_argv:
        yield f"commands: {module.name} reads sys.argv"


def _no_pickle(module: Module) -> Iterator[str]:
    for each in module.imports:
        if each.module.split(".")[0] in PICKLES:
            yield f"pickle: {module.name}:{each.line} imports {each.module}"
    for line in module.unpickles:
        yield f"pickle: {module.name}:{line} allows pickle"


def _light_face(module: Module) -> Iterator[str]:
    for each in module.imports:
        if module.is_face and each.at_top:
            own = each.module.split(".")[0] in PACKAGES
            if (own and not each.module.endswith(".faces")) or each.module in ("numpy", "keras"):
                yield f"face: {module.name}:{each.line} imports {each.module}"
        if (
            module.package == "basenji_kipoi"
            and each.at_top
            and each.module.split(".")[0] in ("keras", "tensorflow", "jax")
            and not module.name.partition(".")[2].startswith(KERAS)
        ):
            yield f"keras: {module.name}:{each.line} imports {each.module} when it is imported"


def _from_where_defined(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for name, each in imported_modules(module, modules):
        other = modules.get(name)
        if other is None or each.name is None or name != each.module or other.is_face:
            continue
        if each.name not in other.defined:
            yield f"defined: {module.name}:{each.line} imports {each.name}, not defined in {name}"
