"""How a configuration is checked, whatever it is of: a mistake is one line."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationInfo

__all__ = ["NAME", "checked", "first_mistake", "is_shared", "no_twins"]

#: Names become names of files, and of tracks.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
#: What was expected where YAML has another kind of value, in its words.
_KINDS = {
    "list_type": "expected a list, in brackets even of one: [one, two]",
    "model_type": "expected keys and values below it; leave it out where there are none",
}

_Config = TypeVar("_Config", bound=BaseModel)


def checked(kind: type[_Config], config: Mapping[str, object], *, shared: bool = True) -> _Config:
    """Check what snakemake read of a configuration file; a mistake ends the program in one line.

    Parameters
    ----------
    kind
        What the configuration is to be.
    config
        Its content.
    shared
        Whether jobs see the files of this machine.

    Raises
    ------
    SystemExit
        With what is wrong, and where.
    """
    if not config:
        raise SystemExit("error: there is no configuration: pass --configfile FILE.yaml")
    try:
        return kind.model_validate(config, context={"shared": shared})
    except ValidationError as error:
        raise SystemExit(f"error: the configuration: {first_mistake(error, kind)}") from None


def first_mistake(error: ValidationError, kind: type[BaseModel]) -> str:
    """Say the first mistake in one line."""
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"])
    if first["type"] == "extra_forbidden":
        section: object = kind
        for step in first["loc"][:-1]:
            section = section.model_fields[step].annotation  # type: ignore[attr-defined]
        known = ", ".join(section.model_fields)  # type: ignore[attr-defined]
        return f"{place} is no key: expected {known}"
    if first["type"] == "missing":
        return f"{place} is missing"
    message = _KINDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_type" and isinstance(first["input"], list):
        message = "expected one text, such as one,two, and no list"
    return f"{place}: {message}" if place else message


def no_twins(named: Iterable[tuple[str, str]], key: str, what: str) -> None:
    """Check that names can name files, and each but one.

    Parameters
    ----------
    named
        Names, and what has them.
    key
        Where they stand in the configuration.
    what
        What they are made of.

    Raises
    ------
    ValueError
        With the first that cannot.
    """
    counts = Counter(name for name, _ in named)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(f"{key}: the name {name} is there twice ({what} must be of its own)")
        if not NAME.fullmatch(name):
            raise ValueError(f"{key}: {name!r} cannot name a file: use letters, digits and _ . -")


def is_shared(info: ValidationInfo) -> bool:
    """Tell whether the jobs of what is checked see the files of this machine."""
    return info.context is None or info.context["shared"]
