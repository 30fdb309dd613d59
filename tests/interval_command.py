"""Commands that read a model, a genome and intervals, as their tests call them."""

from __future__ import annotations


def arguments_of(inputs, **changes) -> list[str]:
    """Return the arguments of `basenji predict` on inputs, some of them changed."""
    merged = {**inputs, **{f"--{name}": value for name, value in changes.items()}}
    return ["predict", *(str(part) for pair in merged.items() for part in pair)]
