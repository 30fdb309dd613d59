"""The commands of the pages: what a block holds, and whether a command line is one."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PAGES",
    "REASONS",
    "Block",
    "blocks",
    "command_lines",
    "mistake",
    "mistakes",
    "name",
    "program_mistake",
    "to_run",
]

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "training/README.md", *(ROOT / "docs").rglob("*.md")],
)
#: Why a block is not run, as the comment in the line before it says: ``<!-- not run: minutes -->``.
REASONS = {
    "minutes": "it takes more than a minute",
    "your files": "it names files that the reader has",
    "measured data": "it needs the real data, or another program's checkout",
    "downloads": "it fetches what is not in the repository",
    "other programs": "it needs programs that this project does not install",
    "a part": "it is no whole command or program",
    "set-up": "it makes environments, or runs the tests themselves",
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and why it is not run, if it is not."""

    language: str
    text: str
    line: int
    reason: str


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page that have a language."""
    found = []
    pattern = r"(?:^<!-- not run: (.+?) -->\n+)?^( *)```(\w+)\n(.*?)^ *```$"
    for match in re.finditer(pattern, page, re.MULTILINE | re.DOTALL):
        text = re.sub(rf"^{match[2]}", "", match[4], flags=re.MULTILINE)
        line = page.count("\n", 0, match.start(3)) + 1
        found.append(Block(match[3], text, line, match[1] or ""))
    return found


def to_run(page: Path) -> list[Block]:
    """Return the blocks that run as they stand; tests/test_face.py runs those with prompts."""
    return [
        block
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language in ("sh", "python") and not block.reason and ">>>" not in block.text
    ]


def command_lines(shell: str) -> Iterator[list[str]]:
    """Yield the commands of a shell's lines, each as its words, without what redirects them."""
    without_comments = re.sub(r"(^|\s)#.*", "", shell, flags=re.MULTILINE)
    lines = without_comments.replace("\\\n", " ").replace("\n", " ; ")
    lexer = shlex.shlex(lines, posix=True, punctuation_chars="();|&<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in lexer:
        if word and set(word) <= set("();|&"):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


#: Made once: it takes as long as all that is parsed with it.
_command = functools.cache(typer.main.get_command)


def mistake(app: typer.Typer, words: list[str]) -> str:
    """Return what is wrong with a command line, as its own parser says; nothing is run.

    A command that is abbreviated (…) may lack what is required.
    """
    group = _command(app)
    given = [word for word in words[1:] if word not in ("…", "--help")]
    context = typer.Context(group, info_name=words[0])
    try:
        if not given or given[0].startswith("-"):
            group.make_context(words[0], given)
            return ""
        command_name, command, rest = group.resolve_command(context, given)
        while rest and isinstance(command, TyperGroup):
            command_name, command, rest = command.resolve_command(context, rest)
        if rest:
            command.make_context(command_name, rest, parent=context)
    except typer.Exit:
        return ""
    except Exception as error:  # noqa: BLE001 - typer keeps its parser's errors to itself
        message = error.format_message() if hasattr(error, "format_message") else repr(error)
        is_abbreviated = len(given) < len(words) - 1
        is_lacking = "Missing" in message or "requires an argument" in message
        return "" if is_abbreviated and is_lacking else message
    return ""


def program_mistake(words: list[str]) -> str:
    """Return what is wrong with a program of the repository, or a target of make, that is started.

    Names of a program's options are looked for in its text, and in those of the programs beside it.
    """
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in (word for word in words[1:] if "=" not in word and not word.startswith("-")):
            if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
                return f"make has no target {target}"
    if Path(words[0]).name.startswith("python") and words[1:] and words[1].endswith(".py"):
        program = ROOT / words[1]
        if not program.is_file():
            return f"there is no {words[1]}"
        text = "".join(each.read_text(encoding="utf-8") for each in program.parent.glob("*.py"))
        # A word with blanks was quoted: what another program is to be given.
        for word in (each for each in words[2:] if " " not in each):
            option = word[2:].partition("=")[0].replace("-", "[-_]")
            if word.startswith("--") and not re.search(rf"\b{option}\b", text):
                return f"{words[1]} has no option {word}"
    return ""


def mistakes(app: typer.Typer, program: str, page: Path) -> list[str]:
    """Return what is wrong with a program's commands in a page's blocks and lines."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in blocks(text):
        if block.language == "sh":
            for words in command_lines(block.text):
                if Path(words[0]).name == program and (said := mistake(app, words)):
                    found.append(f"{name(page)}:{block.line}: {shlex.join(words)}: {said}")
    for span in re.findall(rf"(?<!`)`({program} [^`]+)`", text):
        # In a sentence a command may be named without what it needs.
        if said := mistake(app, [*shlex.split(span), "…"]):
            found.append(f"{name(page)}: {span}: {said}")
    return found
