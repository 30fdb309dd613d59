"""A progress bar with rate and remaining time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g} {self.unit}/s")


@contextlib.contextmanager
def progress_bar(label: str, *, total: int, unit: str, done: int = 0) -> Iterator[Callable]:
    """Show a progress bar on standard error while the body runs.

    Parameters
    ----------
    label
        What is being done; no bar is shown if empty.
    total
        Units of work in all.
    unit
        Their name, in the plural.
    done
        Units that an earlier, interrupted run did.

    Yields
    ------
    callable
        ``advance(number, label=...)``: counts units as done; may change the label.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        _Rate(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not label,
    )
    with bar:
        task = bar.add_task(label, total=total, completed=done)

        def advance(number: int, label: str | None = None) -> None:
            bar.update(task, advance=number, description=label)

        yield advance
