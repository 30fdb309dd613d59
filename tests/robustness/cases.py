"""The cases of the campaign: each input of each command spoilt, and each option wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from robustness.commands import COMMANDS
from robustness.corruptions import corruptions_of, fuzzed, sum_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import typer.core
    from robustness.commands import Command

__all__ = [
    "Case",
    "cases_of_files",
    "cases_of_full_disks",
    "cases_of_good_inputs",
    "cases_of_options",
    "fuzz_cases",
]


@dataclass(frozen=True)
class Case:
    """A command on spoilt inputs, or with a wrong option.

    Attributes
    ----------
    name : str
        What is wrong.
    arguments : tuple of str
        Program (B or T) and arguments.
    needs : tuple of str
        Files and folders of the fixtures that are copied for it.
    spoil : callable or None
        Spoils what was copied; gets the folder.
    is_good : bool
        Whether nothing is wrong, so that the command must succeed.
    earlier : str
        Folder of the fixtures with outputs that are there already; empty without any.
    space : int or None
        Bytes that are free on its disk; None for no end of them.
    """

    name: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...]
    spoil: Callable[[Path], None] | None = None
    is_good: bool = False
    earlier: str = ""
    space: int | None = None


def _every_other(command: Command, cases: Iterable[Case]) -> Iterator[Case]:
    """Let every other case replace outputs that an earlier call wrote, if the command does so."""
    for number, case in enumerate(cases):
        if number % 2 and command.earlier:
            words = (*case.arguments, "--overwrite")
            yield replace(case, arguments=words, earlier=command.earlier)
        else:
            yield case


def cases_of_good_inputs() -> Iterator[Case]:
    """Leave every input as it is: what a command refuses then, its other cases do not reach.

    They come in the order of `COMMANDS`, each twice: without and with an earlier output.
    """
    for command in COMMANDS:
        label = f"{command.name} good {command.line}"
        case = Case(label, command.arguments, _needs(command), is_good=True)
        yield from dict.fromkeys(_every_other(command, [case, case]))


def _needs(command: Command) -> tuple[str, ...]:
    tops = {name.split("/")[0] for name in command.files}
    words = {word for word in command.line.split() if not word.startswith("-")}
    return tuple(sorted(tops | set(command.needs) | (words & {"m", "g.fa", "a.bam", "net.json"})))


def _paths(command: Command, fixtures: Path) -> Iterator[tuple[Path, str]]:
    for pattern, kind in command.files.items():
        found = sorted(fixtures.glob(pattern))
        assert found, f"{command.line}: no {pattern}"
        yield found[0], kind


def cases_of_files(fixtures: Path) -> Iterator[Case]:
    """Spoil every file of every command in every way by hand."""
    for command in COMMANDS:
        yield from _every_other(command, _cases_of_files(command, fixtures))


def _cases_of_files(command: Command, fixtures: Path) -> Iterator[Case]:
    arguments, needs = command.arguments, _needs(command)
    for path, kind in _paths(command, fixtures):
        place = path.relative_to(fixtures)
        for name, spoil in corruptions_of(path, kind).items():
            label = f"{command.name} {place} {name}"
            yield Case(label, arguments, needs, _Spoilt(place, spoil, again=False))
            if _is_summed(place):
                spoilt = _Spoilt(place, spoil, again=True)
                yield Case(f"{label} (sums fit)", arguments, needs, spoilt)


def _is_summed(place: Path) -> bool:
    """Tell whether a bundle has a checksum of a file."""
    return place.parts[0] == "m" and place.name != "metadata.json"


@dataclass(frozen=True)
class _Spoilt:
    """Spoils one file of a folder; the checksums of a bundle may be made to fit."""

    place: Path
    spoil: Callable[[Path], None]
    again: bool

    def __call__(self, folder: Path) -> None:
        self.spoil(folder / self.place)
        if self.again:
            sum_again(folder / "m")


#: What a number may be given as.
NUMBERS = ["-1", "0", "1e308", "nan", "inf", "99999999999999999999999999", "many", "", "1.5"]
#: What a text or a path may be given as.
TEXTS = ["", "nope", "a/b/../..", "\udcff", "[red]x[/]", "x" * 300, "*", ",,", "1e999"]


def cases_of_options() -> Iterator[Case]:
    """Give every option of every command wrong values."""
    seen = set()
    for command in COMMANDS:
        if command.name not in seen:
            seen.add(command.name)
            yield from _every_other(command, _cases_of_options(command))


def _cases_of_options(command: Command) -> Iterator[Case]:
    for option in command.options:
        if option.is_flag:
            continue
        for value in NUMBERS if _is_number(option) else TEXTS:
            words = _with(list(command.arguments), option.opts, value)
            yield Case(
                f"{command.name} {option.opts[0]} {value[:20]!r}", tuple(words), _needs(command)
            )


def _is_number(option: typer.core.TyperOption) -> bool:
    return any(word in str(option.display_type(None)).lower() for word in ("int", "float"))


def _with(words: list[str], names: list[str], value: str) -> list[str]:
    """Give an option of a command another value, or add the option."""
    for name in names:
        if name in words:
            place = words.index(name)
            return [*words[: place + 1], value, *words[place + 2 :]]
    return [*words, names[0], value]


#: Bytes that are free on a disk that is full soon.
SPACES = [0, 4096, 12288, 40960, 131072]


def cases_of_full_disks() -> Iterator[Case]:
    """Run every command on disks that are full soon."""
    for command in COMMANDS:
        cases = (
            Case(
                f"{command.name} full disk {space} {command.line}",
                command.arguments,
                _needs(command),
                space=space,
            )
            for space in SPACES
        )
        yield from _every_other(command, cases)


def fuzz_cases(fixtures: Path, number: int, seed: int) -> Iterator[Case]:
    """Change bytes of the commands' files at random."""
    draw = random.Random(seed)
    files = [(command, path) for command in COMMANDS for path, _ in _paths(command, fixtures)]
    for case in range(number):
        command, path = files[case % len(files)]
        place, again = path.relative_to(fixtures), draw.random() < 0.5
        each = draw.randrange(2**32)

        def spoil(path: Path, each: int = each) -> None:
            path.write_bytes(fuzzed(path.read_bytes(), each))

        fuzz = Case(
            f"{command.name} {place} fuzz {each}",
            command.arguments,
            _needs(command),
            _Spoilt(place, spoil, again=again and _is_summed(place)),
        )
        # An even or an odd number, whatever the number of files.
        yield list(_every_other(command, [fuzz, fuzz]))[each % 2]
