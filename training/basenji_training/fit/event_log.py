"""Training figures as TensorBoard shows them, written without TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorboardX import SummaryWriter

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["EventLog"]


class EventLog:
    """Event files in a folder for ``tensorboard --logdir``. A context manager.

    Parameters
    ----------
    folder
        The folder.
    step
        Steps that were done; what an interrupted run wrote for later ones is not shown.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, row: dict[str, float], step: int) -> None:
        """Write one epoch's line of the history; `step` counts the steps to its end."""
        for name, value in row.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
