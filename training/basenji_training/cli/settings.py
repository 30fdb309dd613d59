"""Options that a class of settings declares.

A field of such a pydantic class is an option of a command, an entry of a recipe file and a row of a
table in the documentation. Its description, type, bounds and default say what all three need;
``json_schema_extra`` may add to them

- ``unit``, such as bp;
- ``group``: heading above the options in ``--help``;
- ``option``: the option's name, if the field's does not make it;
- ``repeated``: that several names are several options, where a name may hold a comma;
- ``otherwise``: what holds where nothing is given, if that is not the field's default.
"""

from __future__ import annotations

import inspect
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

__all__ = ["options_of", "settings_table"]

#: The parameter of a command that stands for the options.
_GIVEN = "given"
_NOTHING = "none"


def options_of(
    settings: type[BaseModel], default: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of a class of settings.

    Parameters
    ----------
    settings
        The class.
    default
        What ``--help`` says of an option that is not given; ``{}`` is what holds otherwise.

    Returns
    -------
    callable
        Decorator of a command. Its parameter ``given``, in the place of which the options are
        listed, gets the fields that were given, by their names, each of its type and within its
        bounds; an option's value that is not raises `InputError` before the command runs.
    """
    fields = settings.model_fields

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        parameters = []
        for parameter in inspect.signature(command).parameters.values():
            if parameter.name == _GIVEN:
                parameters += [
                    inspect.Parameter(
                        name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=None,
                        annotation=_annotation(name, field, default),
                    )
                    for name, field in fields.items()
                ]
            else:
                parameters.append(
                    parameter.replace(
                        kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name]
                    )
                )

        def run(**values: object) -> None:
            given = {
                name: _checked(settings, name, value)
                for name in fields
                if (value := values.pop(name)) is not None
            }
            command(given=given, **values)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def settings_table(settings: type[BaseModel]) -> str:
    """Describe the fields of a class of settings.

    Parameters
    ----------
    settings
        The class.

    Returns
    -------
    str
        A Markdown table, a row a field.
    """
    rows = [
        (
            f"`{_option(name, field)}`",
            ", in ".join(filter(None, (_values(field), _extra(field, "unit")))),
            _otherwise(field),
            field.description,
        )
        for name, field in settings.model_fields.items()
    ]
    head = ("option", "values", "otherwise", "what it is")
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _annotation(name: str, field: FieldInfo, default: str) -> object:
    """Describe an option to typer; what is not given is None."""
    unit, text, shown = _extra(field, "unit"), field.description, default.format(_otherwise(field))
    return Annotated[
        _typed(field) | types.NoneType,
        typer.Option(
            _option(name, field),
            help=f"{text.removesuffix('.')} ({unit})." if unit else text,
            show_default=shown != _NOTHING and shown,
            rich_help_panel=_extra(field, "group") or None,
            min=_bound(field, "ge"),
            max=_bound(field, "le"),
        ),
    ]


def _typed(field: FieldInfo) -> Any:  # noqa: ANN401 - a type
    """Return the type of what is typed: names mostly stand in one text, between commas."""
    if get_origin(field.annotation) is not tuple:
        return field.annotation
    return list[str] if _extra(field, "repeated") else str


def _checked(settings: type[BaseModel], name: str, value: object) -> object:
    """Check a value that was given."""
    field = settings.model_fields[name]
    # Of the class's rules, those on numbers hold for a value by itself.
    rules = ConfigDict(allow_inf_nan=settings.model_config.get("allow_inf_nan", True))
    try:
        return TypeAdapter(field.rebuild_annotation(), config=rules).validate_python(value)
    except ValidationError as error:
        option = _option(name, field).partition("/")[0]
        raise InputError(f"{option} {value}: {error.errors()[0]['msg']}") from None


def _extra(field: FieldInfo, key: str) -> str:
    return (field.json_schema_extra or {}).get(key, "")


def _option(name: str, field: FieldInfo) -> str:
    stem = name.replace("_", "-")
    usual = f"--{stem}/--no-{stem}" if field.annotation is bool else f"--{stem}"
    return _extra(field, "option") or usual


def _bound(field: FieldInfo, kind: str) -> Any:  # noqa: ANN401 - a number
    """Return a bound of a field (ge, gt, le or lt), or None."""
    return next((getattr(each, kind) for each in field.metadata if hasattr(each, kind)), None)


def _otherwise(field: FieldInfo) -> str:
    """Say what holds where nothing is given."""
    if field.annotation is bool:
        return "yes" if field.default else "no"
    text = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    if field.default is None or field.default == ():
        text = _NOTHING
    return _extra(field, "otherwise") or ("" if field.is_required() else text)


def _values(field: FieldInfo) -> str:
    """Say what a field may be."""
    kind = field.annotation
    if get_origin(kind) is tuple:
        return (
            "a name; may be repeated" if _extra(field, "repeated") else "names, separated by commas"
        )
    if get_origin(kind) is not Literal and get_args(kind):
        kind = next(each for each in get_args(kind) if each is not types.NoneType)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(kind))
    words = {bool: "yes or no", int: "whole number", float: "number", str: "text", Path: "file"}
    bounds = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    limits = [
        f"{word} {limit}"
        for bound, word in bounds.items()
        if (limit := _bound(field, bound)) is not None
    ]
    return ", ".join([words[kind], *limits])
