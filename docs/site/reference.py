"""The references: what the commands say of themselves, and what docstrings say of the face."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup

import basenji_kipoi.cli.app
import basenji_training.cli.app

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from typer.core import TyperCommand

__all__ = ["command_pages", "python_pages"]

ROOT = Path(__file__).resolve().parents[2]
APPS = {"basenji": basenji_kipoi.cli.app.app, "basenji-train": basenji_training.cli.app.app}


@functools.cache
def command_pages() -> dict[str, tuple[str, str]]:
    """Return the pages of commands: path -> (title, Markdown)."""
    return {
        f"reference/{name}.md": (name, _commands(name, typer.main.get_command(app)))
        for name, app in APPS.items()
    }


def _commands(program: str, group: TyperGroup) -> str:
    text = (
        f"# {program}\n\n{_plain(group.help)} `{program} COMMAND --help` says what follows, too.\n"
    )
    for name, command in _leaves(group):
        anchor = name.replace(" ", "-")
        text += f"\n## {program} {name} {{ #{anchor} }}\n\n{_plain(command.help)}\n\n"
        text += "| option | meaning |\n| --- | --- |\n"
        context = typer.Context(command, info_name=name)
        for parameter in command.params:
            given, meaning = parameter.get_help_record(context)
            meaning, _, default = meaning.partition("  [")
            default = f" *{_plain(default.rstrip(']'))}*" if default else ""
            text += f"| `{given.replace('|', ' or ')}` | {_plain(meaning)}{default} |\n"
    return text


def _leaves(group: TyperGroup) -> Iterator[tuple[str, TyperCommand]]:
    """Yield the commands of a program by what one types for them, those of its groups, too."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from ((f"{name} {inner}", leaf) for inner, leaf in _leaves(command))
        else:
            yield name, command


def _plain(text: str | None) -> str:
    """Return a help text as one paragraph of Markdown that a cell of a table can hold."""
    text = re.sub(r"\s+", " ", text or "").strip()
    # MkDocs' Markdown shows a backslash before < as it is.
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([|*_\[\]])", r"\\\1", text)


@functools.cache
def python_pages() -> dict[str, str]:
    """Return the pages of the public face and of the rooms' faces: path -> Markdown."""
    package = ROOT / "basenji_kipoi"
    offered = _offered(package / "__init__.py")
    pages = {"reference/python/basenji_kipoi.md": _python("basenji_kipoi", package, offered, ())}
    for face in sorted(package.glob("*/__init__.py")):
        room, names = face.parent.name, _offered(face)
        if names:
            text = _python(f"basenji_kipoi.{room}", face.parent, names, offered)
            pages[f"reference/python/{room}.md"] = text
    return pages


def _offered(face: Path) -> dict[str, str]:
    """Return what a face offers: name -> the module that defines it."""
    found: dict[str, str] = {}
    public: list[str] = []
    for node in ast.walk(ast.parse(face.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name: node.module or "" for alias in node.names}
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            public = ast.literal_eval(node.value)
    return {name: found[name] for name in public if name in found and not name.startswith("_")}


def _python(face: str, folder: Path, names: dict[str, str], elsewhere: Collection[str]) -> str:
    """Make the page of a face; what the package's own face offers, too, stands there alone."""
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    first = (docstring or "").split("\n\n")[0]
    text = f"# {face}\n\n{first}\n"
    shared = [name for name in names if name in elsewhere]
    if shared:
        links = ", ".join(f"[`{name}`][basenji_kipoi.{name}]" for name in shared)
        text += f"\nFrom `basenji_kipoi` itself, too: {links}.\n"
    for name in sorted(set(names) - set(elsewhere), key=lambda each: (each[0].isupper(), each)):
        text += f"\n::: {face}.{name}\n"
    return text
