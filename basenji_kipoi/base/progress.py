"""Progress of long work: a bar at a terminal, a line a minute in a log."""

from __future__ import annotations

import contextlib
import datetime
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    from rich.progress import Task
    from rich.text import Text

__all__ = ["label_of", "progress_bar"]

#: Seconds between two lines of progress in a log.
_LOG_PERIOD = 60.0
#: Widest bar (columns of the terminal).
_BAR = 40


@contextlib.contextmanager
def progress_bar(
    label: str, *, total: int | None, unit: str, done: int = 0
) -> Iterator[Callable[..., None]]:
    """Show a bar with rate and remaining time on standard error while the body runs.

    Where that is no terminal but a file or a pipe, a line a minute says the same.

    Parameters
    ----------
    label
        What is being done. Nothing is shown if empty.
    total
        Units of work in all; None if that is not known.
    unit
        Their name, in the plural.
    done
        Units that an earlier, interrupted run did.

    Yields
    ------
    callable
        ``advance(number[, label])``: counts units as done; may change the label.
    """
    # Imported by the commands that show a bar: --help must answer at once.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(ProgressColumn):
        """Units a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            if speed is None:
                return Text("")
            return Text(f"{speed:,.0f} {unit}/s" if speed >= 100 else f"{speed:.3g} {unit}/s")

    console = Console(stderr=True)
    if label and not (console.is_terminal or console.is_jupyter):
        yield _log_of_progress(label, total, unit, done)
        return

    def whole() -> Column:
        # Where all does not fit in a line, the bar shrinks and nothing else.
        return Column(no_wrap=True)

    with Progress(
        TextColumn("{task.description}", table_column=whole()),
        BarColumn(bar_width=None, table_column=Column(max_width=_BAR)),
        MofNCompleteColumn(table_column=whole()),
        Rate(table_column=whole()),
        TimeElapsedColumn(table_column=whole()),
        TextColumn("" if total is None else "left", table_column=whole()),
        TimeRemainingColumn(table_column=whole()),
        console=console,
        disable=not label,
    ) as bar:
        task = bar.add_task(label, total=total, completed=done)

        def advance(number: int, label: str | None = None) -> None:
            bar.update(task, advance=number, description=label)

        yield advance


def label_of(label: str, progress: bool | None) -> str:
    """Return a bar's label, or none where nothing is to be shown.

    Parameters
    ----------
    label
        What is being done.
    progress
        Whether progress is shown; None where somebody watches: at a terminal or in a notebook.
    """
    if progress is None:
        from rich.console import Console  # noqa: PLC0415 - not in every environment

        console = Console(stderr=True)
        progress = console.is_terminal or console.is_jupyter
    return label if progress else ""


def _log_of_progress(label: str, total: int | None, unit: str, done: int) -> Callable[..., None]:
    """Return what counts units as `progress_bar` does, and now and then writes a line."""
    begin = latest = time.monotonic()
    before = done

    def advance(number: float, new_label: str | None = None) -> None:
        nonlocal label, done, latest
        label, done = new_label or label, done + number
        now = time.monotonic()
        if now - latest < _LOG_PERIOD:
            return
        latest, speed = now, (done - before) / (now - begin)
        text = f"{label}: {done:,.0f}" + ("" if total is None else f" of {total:,}") + f" {unit}"
        text += f", {speed:,.0f}/s" if speed >= 100 else f", {speed:.3g}/s"
        if total is not None and speed > 0:
            text += f", {datetime.timedelta(seconds=round((total - done) / speed))} left"
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    return advance
