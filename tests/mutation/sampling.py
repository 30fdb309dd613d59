"""Mutants: the text of a module with one operator, comparison, small constant or flag changed."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

# Before cosmic_ray, whose imports go round in a circle otherwise.
import parso.python.tree  # noqa: F401
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: First and last place: line, from 1, and column, from 0.
_Span = tuple[tuple[int, int], tuple[int, int]]
#: How the names of cosmic-ray's operators begin that are applied.
KINDS = (
    "ReplaceUnaryOperator",
    "ReplaceBinaryOperator",
    "ReplaceComparisonOperator",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "AddNot",
    "NumberReplacer",
)


@dataclass(frozen=True)
class Mutant:
    """A changed module.

    Attributes
    ----------
    module : str
        Its path in the repository.
    lines : tuple of int
        First and last line of the statement that differs, from 1; of a compound one, of its head.
    before, after : str
        The line that differs, without its indentation.
    code : str
        The whole changed module.
    """

    module: str
    lines: tuple[int, int]
    before: str
    after: str
    code: str


def sample(repository: Path, modules: Iterable[Path], number: int, seed: int) -> list[Mutant]:
    """Draw places of modules, and one change for each."""
    generator = random.Random(seed)
    places = [
        (path, place, changes)
        for path in modules
        for place, changes in sorted(_places(path.read_text(encoding="utf-8")).items())
    ]
    generator.shuffle(places)
    found = []
    for path, (start, _), changes in places:
        if len(found) == number:
            break
        generator.shuffle(changes)
        text = path.read_text(encoding="utf-8")
        mutant = next(_working(text, changes), None)
        if mutant is not None:
            before, after = _difference(text, mutant)
            name = str(path.relative_to(repository))
            found.append(Mutant(name, _statement(text, start[0]), before, after, mutant))
    return found


def _places(text: str) -> dict[tuple, list[tuple[object, int]]]:
    """Map each place that can be changed to its changes: an operator and its occurrence."""
    tree, provider = get_ast(text), OperatorProvider()
    places: dict[tuple, list[tuple[object, int]]] = defaultdict(list)
    nodes, left_out, binary = list(ast_nodes(tree)), _never_run(text), _between_operands(text)
    for name in provider:
        if not name.startswith(KINDS):
            continue
        operator, occurrence = provider[name](), 0
        # Stars of signatures and calls are operators to cosmic-ray.
        among = binary if name.startswith("ReplaceBinaryOperator") else None
        for node in nodes:
            for start, end in operator.mutation_positions(node):
                if not _is_in(start, left_out) and (among is None or _is_in(start, among)):
                    places[start, end].append((operator, occurrence))
                occurrence += 1
    return places


def _never_run(text: str) -> list[_Span]:
    """List the places of annotations, which are not evaluated, and of what type checkers read."""
    found: list[ast.AST] = []
    for node in ast.walk(ast.parse(text)):
        found += [
            each
            for name in ("annotation", "returns")
            if isinstance(each := getattr(node, name, None), ast.AST)
        ]
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            found.append(node)
    return [((e.lineno, e.col_offset), (e.end_lineno, e.end_col_offset)) for e in found]


def _between_operands(text: str) -> list[_Span]:
    """List the places between the operands of binary operators."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.BinOp, ast.AugAssign)):
            left, right = (
                (node.left, node.right)
                if isinstance(node, ast.BinOp)
                else (node.target, node.value)
            )
            last = left.end_lineno, left.end_col_offset
            found.append((last, (right.lineno, right.col_offset)))
    return found


def _is_in(place: tuple[int, int], spans: Iterable[_Span]) -> bool:
    return any(first <= place < last for first, last in spans)


def _working(text: str, changes: list[tuple[object, int]]) -> Iterator[str]:
    """Yield the texts that changes give, of those that are Python and mean something else."""
    for operator, occurrence in changes:
        code = mutate_code(text, operator, occurrence)
        try:
            if code is not None and ast.dump(ast.parse(code)) != ast.dump(ast.parse(text)):
                yield code
        except SyntaxError:
            continue


def _difference(text: str, changed: str) -> tuple[str, str]:
    pairs = zip(text.splitlines(), changed.splitlines())
    return next((old.strip(), new.strip()) for old, new in pairs if old != new)


def _statement(text: str, line: int) -> tuple[int, int]:
    """Find the lines of the innermost statement at a line; of a compound one, those of its head."""
    best = (line, line)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            last = node.end_lineno if not body else max(node.lineno, _first_line(body[0]) - 1)
            # Walks from outside in: the last that fits is the innermost.
            if _first_line(node) <= line <= last:
                best = (node.lineno, last)
    return best


def _first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([getattr(node, "lineno", 1), *(each.lineno for each in decorators)])
