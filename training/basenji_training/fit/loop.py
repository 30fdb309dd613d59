"""Training: stores and an architecture in, a run directory with the best weights out.

Each store is a genome with its tracks, or the sequences of a reporter assay, and has a head of its
own on the common trunk. A step takes windows or sequences of one store and moves the trunk and that
store's head; the stores take turns, in a random order, as often as they have batches.
"""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import keras
import numpy as np

from basenji_kipoi.base.atomic import atomic_path, remove
from basenji_kipoi.base.errors import InputError, keep
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.models.networks.building import build_networks
from basenji_kipoi.models.weights import save_weights
from basenji_training.fit import checkpoint, run_directory
from basenji_training.fit.initial_weights import load_trunk, origin_of
from basenji_training.fit.records import Progress
from basenji_training.fit.run_directory import Run
from basenji_training.fit.tasks.assays import assays_of
from basenji_training.fit.tasks.coverage import CoverageTask
from basenji_training.fit.tasks.heads import check_batch_size, with_heads_of
from basenji_training.fit.tasks.reporters import ReporterTask
from basenji_training.fit.tasks.stores import AnyStore
from basenji_training.optimisation.devices import fastest_dtype, lost_process_named, shared_by
from basenji_training.optimisation.optimisers import learning_rate
from basenji_training.optimisation.settings import Settings
from basenji_training.optimisation.train_state import TrainState, networks_of_heads
from basenji_training.optimisation.weight_average import WeightAverage
from basenji_training.store.reporters import ReporterStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_training.fit.event_log import EventLog
    from basenji_training.fit.tasks.task import Task

__all__ = ["Execution", "Run", "Settings", "fit"]

_log = logging.getLogger(__name__)


class Execution(TypedDict, total=False):
    """How a run is carried out: what does not change its result, as `fit` takes it."""

    command: str
    resume: bool
    devices: int
    checkpoint_minutes: float
    tensorboard: bool


def fit(
    stores: AnyStore | Sequence[AnyStore],
    architecture: Architecture,
    out: str | os.PathLike[str],
    settings: Settings,
    *,
    command: str = "",
    resume: bool = False,
    devices: int = 1,
    checkpoint_minutes: float = 10,
    tensorboard: bool = False,
) -> Run:
    """Train a network.

    Parameters
    ----------
    stores
        One store, or several, each with training and validation parts.
    architecture
        The network. It gets a head for each store, named after it, with as many tracks, and for
        each reporter store a reporter.
    out
        The run directory to be made, or to go on with.
    settings
        How to train.
    command
        The command, to be kept with the run.
    resume
        Whether to go on from the last checkpoint of `out`, if it has one.
    devices
        How many devices share each batch, of all processes together.
    checkpoint_minutes
        Minutes between checkpoints within an epoch; one is written at each epoch's end besides.
    tensorboard
        Whether to write event files into ``tensorboard`` of the run directory.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    InputError
        If the stores, the network and the settings do not fit together, the output exists and
        `resume` is not set, or the run to be resumed had other settings or is being trained; or if
        another process that trains with this one is gone.
    """
    stores = [stores] if isinstance(stores, AnyStore) else list(stores)
    if settings.init:
        # A resumed run may be started from another folder.
        init = str(Path(settings.init).resolve())
        settings = settings.model_copy(update={"init": init})
    if settings.dtype == "auto":
        settings = settings.model_copy(update={"dtype": fastest_dtype()})
    with contextlib.ExitStack() as held:
        training = _Training(
            stores,
            with_heads_of(stores, architecture),
            Path(out),
            settings,
            command=command,
            resume=resume,
            devices=devices,
            held=held,
        )
        with lost_process_named():
            return training.run(checkpoint_minutes * 60, tensorboard)


class _Training:
    """State of one run: network, optimisers, averaged weights, and where it stands."""

    def __init__(
        self,
        stores: Sequence[AnyStore],
        architecture: Architecture,
        out: Path,
        settings: Settings,
        *,
        command: str,
        resume: bool,
        devices: int,
        held: contextlib.ExitStack,  # gets the lock of the run directory
    ) -> None:
        self.settings, self.out = settings, out
        continues = resume and (out / run_directory.SETTINGS).is_file()
        assays = assays_of(stores)
        self.tasks: dict[str, Task] = {
            store.name: ReporterTask(store, assays[store.name], architecture, settings)
            if isinstance(store, ReporterStore)
            else CoverageTask(store, architecture, settings)
            for store in stores
        }
        self.steps_of = {head: task.steps for head, task in self.tasks.items()}
        self.steps_per_epoch = sum(self.steps_of.values())
        check_batch_size(settings.batch_size, architecture)
        self.devices = shared_by(devices, settings.batch_size)
        if assays and settings.reporter_batch_size % (2 * devices):
            raise InputError(
                f"--reporter-batch-size {settings.reporter_batch_size}: {devices} devices cannot "
                "share its pairs evenly"
            )
        self.is_new = not continues
        if self.is_new and self.devices.is_main:
            run_directory.check_new(out)
        if continues and self.devices.is_main:
            held.push(self._leave)
            held.enter_context(run_directory.locked(out))
        keras.utils.set_random_seed(settings.seed)
        with self.devices.scope():
            self.state = TrainState(architecture, settings)
        averaged = build_networks(architecture, dtype=settings.dtype)
        self.averaged = averaged.whole
        self.averaged_of = networks_of_heads(averaged, architecture)
        self.history: list[dict[str, float]] = []
        self.losses: list[float] = []  # of the epoch that is under way, step by step
        self.seconds = 0.0
        recorded = run_directory.record(settings, stores, architecture)
        if continues:
            run_directory.check_resumable(out, recorded)
            if self.devices.is_main:
                run_directory.extend(out, recorded)
        restored = continues and (out / checkpoint.CHECKPOINT).is_file()
        if settings.init and not restored:
            load_trunk(self.state.network, settings.init, settings.init_member)
        self.average = WeightAverage(self.state.network, settings.averaging)
        if restored:
            self._restore()
        elif not continues and self.devices.is_main:
            origin = origin_of(settings.init) if settings.init else None
            run_directory.create(out, stores, architecture, recorded, command, origin, assays)
            held.push(self._leave)
            held.enter_context(run_directory.locked(out))
        # Last: it traces the network, which takes seconds when it is large.
        self.take_step = self.devices.compile(
            self.state, {head: task.loss for head, task in self.tasks.items()}, settings.clip_norm
        )

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Note that an interrupted run can be gone on with; of a new one nothing else stays."""
        if kind is None or not self.devices.is_main:
            return
        if (self.out / checkpoint.CHECKPOINT).exists():
            keep(error)
        elif self.is_new:
            remove(self.out)

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        return len(self.history) * self.steps_per_epoch + len(self.losses)

    def run(self, checkpoint_seconds: float, tensorboard: bool) -> Run:
        batches = self._batches()
        total = self.settings.epochs * self.steps_per_epoch
        with (
            progress_bar("training", total=total, unit="steps", done=self.steps) as advance,
            self._event_log(tensorboard) as events,
        ):
            while len(self.history) < self.settings.epochs and not self._is_exhausted():
                self._train_epoch(batches, checkpoint_seconds, advance)
                row = self._end_epoch()
                if events is not None:
                    events.write(row, self.steps)
                advance(0, f"epoch {row['epoch']}: validation r {row['validation_r']:.3f}")
        if self.devices.is_main:
            self._plot()
        return Run(self.out)

    def _batches(self) -> dict[str, Iterator[tuple[np.ndarray, np.ndarray]]]:
        """Batches of each store from where the run stands."""
        taken = self._order(len(self.history))[: len(self.losses)]
        return {
            head: task.batches(
                len(self.history) * self.steps_of[head] + taken.count(head), self.devices.rows
            )
            for head, task in self.tasks.items()
        }

    def _order(self, epoch: int) -> list[str]:
        """Heads in the order in which an epoch trains them; it depends on the seed alone."""
        heads = list(self.steps_of)
        turns = np.repeat(np.arange(len(heads)), list(self.steps_of.values()))
        generator = np.random.default_rng([self.settings.seed, epoch])
        return [heads[i] for i in generator.permutation(turns)]

    def _train_epoch(
        self,
        batches: dict[str, Iterator[tuple[np.ndarray, np.ndarray]]],
        checkpoint_seconds: float,
        advance: Callable[..., None],
    ) -> None:
        """Take the steps of an epoch that are still to be taken."""
        order = self._order(len(self.history))
        start, before, saved = time.monotonic(), self.seconds, time.monotonic()
        for head in order[len(self.losses) :]:
            rate = learning_rate(self.settings, self.steps, self.steps_per_epoch)
            self.state.set_learning_rate(rate)
            # Kept as it comes: to ask for its value would wait for the device.
            self.losses.append(self.take_step(head, *next(batches[head])))
            self.average.update()
            advance(1)
            if time.monotonic() - saved > checkpoint_seconds:
                self.seconds = before + time.monotonic() - start
                self._save()
                saved = time.monotonic()
        self.seconds = before + time.monotonic() - start

    def _is_exhausted(self) -> bool:
        best = run_directory.best_epoch(self.history)
        return bool(self.history) and len(self.history) - 1 - best >= self.settings.patience

    def _end_epoch(self) -> dict[str, float]:
        """Validate the averaged weights, keep the best, save everything."""
        start = time.monotonic()
        losses = self._known_losses()
        self.averaged.set_weights(self.average.current)
        validated = {head: self._validate(head) for head in self.tasks}
        row = {
            "epoch": len(self.history) + 1,
            "seconds": round(self.seconds, 1),
            "validation_seconds": round(time.monotonic() - start, 1),
            "loss": float(np.mean(losses)),
            "validation_loss": float(np.mean([loss for loss, _ in validated.values()])),
            "validation_r": float(np.mean([r for _, r in validated.values()])),
        }
        if len(validated) > 1:
            order = np.array(self._order(len(self.history)))
            for head, (loss, r) in validated.items():
                row[f"loss_{head}"] = float(np.mean(np.array(losses)[order == head]))
                row[f"validation_loss_{head}"], row[f"validation_r_{head}"] = loss, r
        self.history.append(row)
        self.losses, self.seconds = [], 0.0
        if self.devices.is_main:
            if run_directory.best_epoch(self.history) == len(self.history) - 1:
                best = self.out / run_directory.BEST_WEIGHTS
                with atomic_path(best, overwrite=True) as temporary:
                    save_weights(self.averaged, temporary)
            run_directory.write_history(self.out, self.history)
        self._save()
        return row

    def _validate(self, head: str) -> tuple[float, float]:
        """Validate a head: its loss and correlation."""
        loss, correlation = self.tasks[head].validate(self.averaged_of[head])
        if not np.isfinite(loss):
            raise InputError(
                f"the validation loss became {loss} in epoch {len(self.history) + 1}: lower "
                "--learning-rate, or look for extreme values in the store"
            )
        return loss, correlation

    def _known_losses(self) -> list[float]:
        """Losses of the epoch's steps as numbers."""
        losses = [float(loss) for loss in self.losses]
        if not np.isfinite(losses).all():
            first = int(np.argmin(np.isfinite(losses)))
            raise InputError(
                f"the loss became {losses[first]} in epoch {len(self.history) + 1}: lower "
                "--learning-rate, or look for extreme values in the store"
            )
        return losses

    def _save(self) -> None:
        self.losses = self._known_losses()
        if self.devices.is_main:
            # The checkpoint alone says where the run stands, whatever else was written.
            progress = Progress(history=self.history, losses=self.losses, seconds=self.seconds)
            checkpoint.save(self.out, self.state, self.average, progress)

    def _restore(self) -> None:
        progress = checkpoint.restore(self.out, self.state, self.average)
        self.history, self.losses = progress.history, progress.losses
        self.seconds = progress.seconds
        if self.history and self.devices.is_main:
            run_directory.write_history(self.out, self.history)
        _log.info("resuming %s after %d steps", self.out, self.steps)

    def _event_log(self, wanted: bool) -> contextlib.AbstractContextManager[EventLog | None]:
        if not wanted or not self.devices.is_main:
            return contextlib.nullcontext()
        # Takes a second to import.
        from basenji_training.fit.event_log import EventLog  # noqa: PLC0415

        return EventLog(self.out / "tensorboard", self.steps)

    def _plot(self) -> None:
        from basenji_training.fit import learning_curve  # noqa: PLC0415 - imports matplotlib

        kinds = {isinstance(task, ReporterTask) for task in self.tasks.values()}
        measure = learning_curve.OF_BOTH
        if len(kinds) == 1:
            are_reporters = kinds == {True}
            measure = learning_curve.OF_ACTIVITIES if are_reporters else learning_curve.OF_TRACKS
        learning_curve.plot_learning_curve(self.history, self.out / "learning_curve.png", measure)
