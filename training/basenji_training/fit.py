"""Training: a store and an architecture in, a run directory with the best weights out.

A run directory holds ``architecture.json``, ``targets.tsv``, ``settings.json`` (what was asked
for), ``history.csv`` (a line an epoch), ``best.weights.h5`` (the weights of the best epoch),
``checkpoint.npz`` (everything that a resumed run needs) and ``learning_curve.png``.
"""

from __future__ import annotations

import csv
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from basenji_kipoi.architecture import Architecture
from basenji_kipoi.atomic import atomic_path, check_output
from basenji_kipoi.console import progress_bar
from basenji_kipoi.errors import InputError
from basenji_kipoi.network import build_network
from basenji_kipoi.targets import Targets
from basenji_training.evaluate import Comparison, compared
from basenji_training.losses import poisson
from basenji_training.pipeline import Augmentation, Windows, training_batches
from basenji_training.weight_average import WeightAverage

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_training.store import Store

__all__ = ["Run", "Settings", "fit"]

_log = logging.getLogger(__name__)


class Settings(BaseModel):
    """What a run was asked for. An epoch is one pass over the training windows.

    Attributes
    ----------
    epochs
        Passes over the training windows; the learning rate falls to zero over them.
    batch_size
        Windows a step.
    learning_rate, warmup_epochs
        Largest rate of AdamW, reached after so many epochs, followed by half a cosine.
    weight_decay
        Decoupled decay of convolution and head kernels.
    clip_norm
        Largest norm of the whole gradient.
    averaging
        Decay a step of the weights' moving average, which is what is validated and kept.
    jitter, shift, reverse_complement
        As `basenji_training.pipeline.Augmentation` has them (bp).
    resolution
        Width of the bins at which validation compares (bp).
    patience
        Epochs without a better validation correlation after which training stops.
    dtype
        Arithmetic: float32 or bfloat16.
    seed
        Of weights, dropout, order and augmentation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(default=100, gt=0)
    batch_size: int = Field(default=8, gt=0)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup_epochs: float = Field(default=2, ge=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    averaging: float = Field(default=0.999, ge=0, lt=1)
    jitter: int = Field(default=0, ge=0)
    shift: int = Field(default=3, ge=0)
    reverse_complement: bool = True
    resolution: int = Field(default=128, gt=0)
    patience: int = Field(default=20, gt=0)
    dtype: str = "float32"
    seed: int = 0


class Run:
    """The files of a run directory.

    Parameters
    ----------
    path
        The directory.

    Raises
    ------
    InputError
        If a file is missing or is not what it should be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"no run at {path}: make one with `basenji-train fit`")
        self.architecture = Architecture.read(self.path / "architecture.json")
        self.targets = Targets.read(self.path / "targets.tsv")
        self.settings: dict[str, Any] = json.loads((self.path / "settings.json").read_text())

    @property
    def history(self) -> list[dict[str, float]]:
        """One entry for each finished epoch."""
        with (self.path / "history.csv").open(newline="") as lines:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]

    def network(self) -> keras.Model:
        """Build the network with the weights of the best epoch.

        Raises
        ------
        InputError
            If no epoch has finished yet.
        """
        weights = self.path / "best.weights.h5"
        if not weights.is_file():
            raise InputError(f"{weights} is missing: no epoch of this run has finished yet")
        network = build_network(self.architecture)
        network.load_weights(weights)
        return network


def fit(
    store: Store,
    architecture: Architecture,
    out: str | os.PathLike[str],
    settings: Settings,
    *,
    command: str = "",
    resume: bool = False,
) -> Run:
    """Train a network.

    Parameters
    ----------
    store
        Binned coverage with training and validation chromosomes.
    architecture
        The network.
    out
        The run directory to be made, or to go on with.
    settings
        How to train.
    command
        The command, to be kept with the run.
    resume
        Whether to go on from the last finished epoch of `out`.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    InputError
        If the store, the network and the settings do not fit together, the output exists and
        `resume` is not set, or the run to be resumed had other settings.
    """
    return _Training(store, architecture, Path(out), settings, command, resume).run()


class _Training:
    """State of one run: network, optimiser, averaged weights, and where it stands."""

    def __init__(
        self,
        store: Store,
        architecture: Architecture,
        out: Path,
        settings: Settings,
        command: str,
        resume: bool,
    ) -> None:
        _check_tracks(store, architecture)
        self.settings, self.out = settings, out
        moves = settings.jitter + settings.shift
        self.training = Windows(store, "train", architecture, margin=moves)
        self.validation = Windows(store, "validation", architecture)
        Comparison(self.validation, settings.resolution)  # says now if it does not fit
        self.steps_per_epoch = max(len(self.training) // settings.batch_size, 1)
        self.steps = settings.epochs * self.steps_per_epoch
        keras.utils.set_random_seed(settings.seed)
        self.network = build_network(architecture, dtype=settings.dtype)
        self.averaged = build_network(architecture, dtype=settings.dtype)
        self.average = WeightAverage(self.network, settings.averaging)
        self.optimizer = _optimizer(settings, self.steps, self.steps_per_epoch)
        # XLA speeds up neither bfloat16 nor convolutions on a CPU; elsewhere Keras decides.
        jit = False if keras.config.backend() == "tensorflow" else "auto"
        self.network.compile(self.optimizer, poisson, jit_compile=jit)
        self.optimizer.build(self.network.trainable_variables)
        self.history: list[dict[str, float]] = []
        recorded = {
            **settings.model_dump(),
            "store": str(store.path),
            "network": json.loads(architecture.model_dump_json()),
        }
        if resume and (out / "settings.json").is_file():
            self._restore(recorded)
        else:
            check_output(out, overwrite=False)
            with atomic_path(out) as folder:
                folder.mkdir()
                architecture.write(folder / "architecture.json")
                store.targets.write(folder / "targets.tsv")
                content = {
                    **recorded,
                    "command": command,
                    "store_command": store.attrs["command"],
                    "folds": store.folds,
                }
                (folder / "settings.json").write_text(json.dumps(content, indent=2) + "\n")

    def run(self) -> Run:
        first = len(self.history) * self.steps_per_epoch
        settings = self.settings
        augmentation = Augmentation(settings.jitter, settings.shift, settings.reverse_complement)
        batches = iter(
            training_batches(
                self.training,
                augmentation,
                batch_size=settings.batch_size,
                steps=self.steps,
                seed=settings.seed,
                first_step=first,
            )
        )
        with progress_bar("training", total=self.steps, unit="steps", done=first) as advance:
            while len(self.history) < settings.epochs and not self._is_exhausted():
                start = time.monotonic()
                losses = []
                for _ in range(self.steps_per_epoch):
                    losses.append(float(self.network.train_on_batch(*next(batches))))
                    self.average.update()
                    advance(1)
                loss = float(np.mean(losses))
                if not np.isfinite(loss):
                    raise InputError(
                        f"the loss became {loss} in epoch {len(self.history) + 1}: lower "
                        "--learning-rate, or look for extreme values in the store"
                    )
                row = self._validate(loss, time.monotonic() - start)
                advance(0, f"epoch {row['epoch']}: validation r {row['validation_r']:.3f}")
        self._plot()
        return Run(self.out)

    def _is_exhausted(self) -> bool:
        best = _best_epoch(self.history)
        return bool(self.history) and len(self.history) - 1 - best >= self.settings.patience

    def _validate(self, loss: float, seconds: float) -> dict[str, float]:
        """End an epoch: validate the averaged weights, keep the best, save everything."""
        start = time.monotonic()
        self.averaged.set_weights(self.average.values)
        comparison = Comparison(self.validation, self.settings.resolution)
        losses = []
        for predicted, observed in compared(
            self.averaged, self.validation, batch_size=self.settings.batch_size
        ):
            comparison.add(predicted, observed)
            losses.append(float(poisson(observed, predicted)))
        correlation = comparison.pearson_log1p
        if not np.isfinite(correlation).any():
            raise InputError(
                "no track has a correlation on the validation chromosomes: all are constant or "
                "missing there; choose others with `basenji-train data --validation`"
            )
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "seconds": round(seconds, 1),
                "validation_seconds": round(time.monotonic() - start, 1),
                "loss": loss,
                "validation_loss": float(np.mean(losses)),
                "validation_r": float(np.nanmean(correlation)),
            }
        )
        if _best_epoch(self.history) == len(self.history) - 1:
            with atomic_path(self.out / "best.weights.h5", overwrite=True) as temporary:
                self.averaged.save_weights(temporary)
        self._save()
        return self.history[-1]

    def _state(self) -> list[Any]:
        # `variables` hold the state of dropout's random generators too, which `weights` do not.
        return [*self.network.variables, *self.optimizer.variables]

    def _save(self) -> None:
        values = [np.asarray(keras.ops.convert_to_numpy(v)) for v in self._state()]
        arrays = {f"state_{i}": value for i, value in enumerate(values)}
        arrays |= {f"average_{i}": value for i, value in enumerate(self.average.values)}
        with atomic_path(self.out / "checkpoint.npz", overwrite=True) as temporary:
            # The history too: the checkpoint alone says where the run stands.
            np.savez(temporary, history=json.dumps(self.history), **arrays)
        with (
            atomic_path(self.out / "history.csv", overwrite=True) as temporary,
            temporary.open("w", newline="") as lines,
        ):
            writer = csv.DictWriter(lines, list(self.history[0]))
            writer.writeheader()
            writer.writerows(self.history)

    def _restore(self, recorded: dict[str, Any]) -> None:
        earlier = json.loads((self.out / "settings.json").read_text())
        for name, value in recorded.items():
            if earlier.get(name) != value:
                raise InputError(
                    f"{self.out} was trained with another {name.replace('_', ' ')} "
                    f"({earlier.get(name)!s:.60}; now {value!s:.60}): resume it as it was started"
                )
        if not (self.out / "checkpoint.npz").is_file():
            return
        with np.load(self.out / "checkpoint.npz") as saved:
            for i, variable in enumerate(self._state()):
                variable.assign(saved[f"state_{i}"])
            self.average.values = [saved[f"average_{i}"] for i in range(len(self.average.values))]
            self.history = json.loads(saved["history"].item())
        self.average.steps = len(self.history) * self.steps_per_epoch
        _log.info("resuming %s after epoch %d", self.out, len(self.history))

    def _plot(self) -> None:
        from basenji_training.learning_curve import plot_learning_curve  # noqa: PLC0415

        plot_learning_curve(self.history, self.out / "learning_curve.png")


def _optimizer(settings: Settings, steps: int, steps_per_epoch: int) -> keras.Optimizer:
    warmup = round(min(settings.warmup_epochs * steps_per_epoch, steps - 1))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        decay_steps=steps - warmup,
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        beta_2=0.98,
        global_clipnorm=settings.clip_norm,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _best_epoch(history: Sequence[dict[str, float]]) -> int:
    """Index of the epoch with the highest validation correlation; 0 without any."""
    return max(range(len(history)), key=lambda i: history[i]["validation_r"], default=0)


def _check_tracks(store: Store, architecture: Architecture) -> None:
    if len(architecture.heads) != 1:
        raise InputError(f"expected a network with one head, not {', '.join(architecture.heads)}")
    (head,) = architecture.heads.values()
    if head.tracks != len(store.targets):
        raise InputError(
            f"the network has {head.tracks} tracks, the store {store.path} has "
            f"{len(store.targets)}: give the network's head as many"
        )
