"""A run directory: what a training run was asked for, how it went, and its best weights.

It holds ``architecture.json``, ``targets.tsv`` (``targets.HEAD.tsv`` of each head if there are
several), ``reporters.json`` (the assay of each reporter, if there is one), ``settings.json`` (what
was asked for), ``history.csv`` (a line an epoch), ``best.weights.h5`` (the weights of the best
epoch), ``checkpoint.npz`` (everything that a resumed run needs), ``learning_curve.png``, and
``tensorboard`` if that was asked for. While it is trained there is a ``lock`` besides.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.atomic import atomic_path, check_output, remove_leftovers, take_lock
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.base.unfinished import first_difference
from basenji_kipoi.models.bundle import REPORTERS, read_assays
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.targets import Targets
from basenji_kipoi.models.weights import load_weights
from basenji_training.fit.records import History, read_history, read_settings
from basenji_training.store.reporters import ReporterStore

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import keras

    from basenji_kipoi.models.networks.assays import Assay
    from basenji_kipoi.models.networks.building import Networks
    from basenji_kipoi.models.training_record import Origin
    from basenji_training.fit.tasks.stores import AnyStore
    from basenji_training.optimisation.settings import Settings

__all__ = [
    "BEST_WEIGHTS",
    "HISTORY",
    "Run",
    "best_epoch",
    "check_new",
    "check_resumable",
    "create",
    "extend",
    "locked",
    "record",
    "write_history",
]

ARCHITECTURE = "architecture.json"
SETTINGS = "settings.json"
HISTORY = "history.csv"
LOCK = "lock"
BEST_WEIGHTS = "best.weights.h5"


class Run:
    """The files of a run directory.

    Parameters
    ----------
    path
        The directory.

    Attributes
    ----------
    architecture : Architecture
        The network with all its heads, each named after the store that it learned from.
    heads : tuple of str
        Names of those that predict tracks.
    assays : dict of str to Assay
        What each reporter measures, by its name.
    settings : RunSettings
        What was asked for.

    Raises
    ------
    InputError
        If a file is missing or is not what it should be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not (self.path / SETTINGS).is_file():
            raise InputError(f"no run at {path}: make one with `basenji-train fit`")
        # A pipe would be waited for.
        check_seekable(self.path / ARCHITECTURE, "run")
        self.architecture = Architecture.read(self.path / ARCHITECTURE)
        self.heads = tuple(self.architecture.heads)
        self.assays = read_assays(self.path / REPORTERS, self.architecture)
        self._targets = {
            head: Targets.read(self.path / _targets_file(self.heads, head)) for head in self.heads
        }
        for head, targets in self._targets.items():
            if len(targets) != self.architecture.heads[head].tracks:
                raise InputError(
                    f"{self.path / _targets_file(self.heads, head)} has {len(targets)} tracks, and "
                    f"the head {head} in {ARCHITECTURE} has {self.architecture.heads[head].tracks}"
                )
        self.settings = read_settings(self.path / SETTINGS, (*self.heads, *self.assays))

    @property
    def history(self) -> History:
        """One entry for each finished epoch; none before the first has ended."""
        if not (self.path / HISTORY).is_file():
            return []
        return read_history(self.path / HISTORY)

    def targets_of(self, head: str | None = None) -> Targets:
        """Return the tracks of a head, by default of the only one.

        Raises
        ------
        InputError
            If there is no such head, or none is named and there are several.
        """
        return self._targets[self._head(head)]

    def check_has_weights(self) -> None:
        """Check that an epoch has finished.

        Raises
        ------
        InputError
            If none has.
        """
        weights = self.path / BEST_WEIGHTS
        if not weights.is_file():
            raise InputError(f"{weights} is missing: no epoch of this run has finished yet")

    def network(self, head: str | None = None, *, dtype: str = "float32") -> keras.Model:
        """Build the network that ends with one head, with the weights of the best epoch.

        Parameters
        ----------
        head
            Its name; by default the only one.
        dtype
            As `basenji_kipoi.models.networks.building.build_network` takes it.

        Returns
        -------
        keras.Model
            float32 (batch, window, 4) -> float32 (batch, bins, tracks).

        Raises
        ------
        InputError
            If there is no such head, none is named and there are several, or no epoch has finished.
        """
        # Keras takes seconds to import.
        from basenji_training.optimisation.train_state import (  # noqa: PLC0415
            networks_of_heads,
        )

        head = self._head(head)
        return networks_of_heads(self.networks(dtype=dtype), self.architecture)[head]

    def networks(self, *, dtype: str = "float32") -> Networks:
        """Build the network with all heads and reporters, with the weights of the best epoch.

        Raises
        ------
        InputError
            If no epoch has finished, or the weights are damaged.
        """
        # Keras takes seconds to import.
        from basenji_kipoi.models.networks.building import build_networks  # noqa: PLC0415

        self.check_has_weights()
        networks = build_networks(self.architecture, dtype=dtype)
        load_weights(networks.whole, self.path / BEST_WEIGHTS, ARCHITECTURE)
        return networks

    def _head(self, head: str | None) -> str:
        names = ", ".join(self.heads)
        if not self.heads:
            raise InputError(
                f"{self.path} predicts no tracks: it was trained on reporters alone "
                f"({', '.join(self.assays)})"
            )
        if head is None:
            if len(self.heads) > 1:
                raise InputError(f"{self.path} has several heads: name one of {names} with --head")
            return self.heads[0]
        if head not in self.heads:
            raise InputError(f"{self.path} has no head {head!r}: expected one of {names}")
        return head


def check_new(out: Path) -> None:
    """Check that the directory of a run, or of several, can be made.

    Raises
    ------
    InputError
        If it exists already or may not be written.
    """
    if out.exists():
        is_ours = (out / SETTINGS).is_file() or any(out.glob(f"*/{SETTINGS}"))
        remedy = "pass --resume to go on with what is in it, or name" if is_ours else "name"
        raise InputError(f"{out} exists already: {remedy} another output")
    check_output(out, overwrite=False)


def create(
    out: Path,
    stores: Sequence[AnyStore],
    architecture: Architecture,
    recorded: dict[str, Any],
    command: str,
    origin: Origin | None = None,
    assays: Mapping[str, Assay] | None = None,
) -> None:
    """Make the directory of a run that is about to start.

    Parameters
    ----------
    out
        The directory.
    stores
        One for each head.
    architecture
        The network.
    recorded
        What `record` gives.
    command
        The command that trains.
    origin
        Where the first weights come from, as `basenji_training.fit.initial_weights.origin_of`
        tells.
    assays
        The assay of each reporter.

    Raises
    ------
    InputError
        If it exists already or may not be written.
    """
    check_new(out)
    with atomic_path(out) as folder:
        folder.mkdir()
        architecture.write(folder / ARCHITECTURE)
        if assays:
            content = {name: assay.model_dump() for name, assay in assays.items()}
            (folder / REPORTERS).write_text(json.dumps(content, indent=2) + "\n")
        for store in stores:
            if isinstance(store, ReporterStore):
                continue
            store.targets.write(folder / _targets_file(architecture.heads, store.name))
        began = None if origin is None else origin.model_dump()
        content = {**recorded, "origin": began, "command": command}
        (folder / SETTINGS).write_text(json.dumps(content, indent=2) + "\n")


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep other processes from training in a run directory.

    Raises
    ------
    InputError
        If one does so now.
    """
    lock = take_lock(out / LOCK, out)
    try:
        remove_leftovers(out)
        yield
    finally:
        (out / LOCK).unlink(missing_ok=True)
        lock.close()


def record(
    settings: Settings, stores: Sequence[AnyStore], architecture: Architecture
) -> dict[str, Any]:
    """Collect what decides how a run goes: it must be the same when the run is resumed."""
    return {
        **settings.model_dump(),
        "stores": {
            store.name: {
                "path": str(store.path).encode("utf-8", "backslashreplace").decode(),
                "command": store.attrs["command"],
                "folds": _folds_of(store),
                "content_sha256": _content_of(store),
            }
            for store in stores
        },
        "network": json.loads(architecture.model_dump_json()),
    }


def _folds_of(store: AnyStore) -> dict[str, list[str]]:
    """Tell what each split holds: labels, or in words what decides of sequences."""
    if isinstance(store, ReporterStore):
        return {split: [words] for split, words in store.folds.items()}
    return store.folds


def _content_of(store: AnyStore) -> str:
    """Return a checksum of what a store says of its content: tracks, their sums, its windows."""
    if isinstance(store, ReporterStore):
        return store.content_sha256
    said = {key: value for key, value in store.attrs.items() if key not in ("command", "created")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def check_resumable(out: Path, recorded: dict[str, Any]) -> None:
    """Check that a run was started as it is now to be resumed.

    Parameters
    ----------
    out
        The run directory.
    recorded
        What `record` gives now.

    Raises
    ------
    InputError
        If something differs; names it. More epochs than the run was begun with are the same run
        where the learning rate does not depend on them.
    """
    begun = read_settings(out / SETTINGS)
    earlier = begun.recorded()
    for head, store in recorded["stores"].items():
        before = earlier["stores"].get(head, {})
        # A store that was moved, or is named in another way, is the same.
        changed = [key for key in store if key != "path" and before.get(key) != store[key]]
        if before and changed:
            raise InputError(
                f"{out} was trained on another store {head}: {store['path']} has another "
                f"{changed[0].removesuffix('_sha256')} than {before['path']} had: resume it with "
                "the store that it was started with"
            )
    if list(earlier["stores"]) != list(recorded["stores"]):
        raise InputError(
            f"{out} was trained on other stores ({', '.join(earlier['stores'])}; now "
            f"{', '.join(recorded['stores'])}): resume it as it was started"
        )
    if recorded["epochs"] > begun.epochs and (why := _why_not_longer(begun)):
        raise InputError(
            f"{out} was trained with another epochs ({begun.epochs}, now "
            f"{recorded['epochs']}), and cannot go on behind them: {why}; begin another run with "
            f"--init {out}"
        )
    earlier = {**earlier, "epochs": max(begun.epochs, recorded["epochs"])}
    before, now = (
        {name.replace("_", " "): value for name, value in each.items() if name != "stores"}
        for each in (earlier, recorded)
    )
    if difference := first_difference(before, now):
        raise InputError(f"{out} was trained with {difference}: resume it as it was started")


def _why_not_longer(settings: Settings) -> str | None:
    """Tell why a run is not the beginning of a longer one; None if it is."""
    if settings.schedule != "constant":
        return f"its {settings.schedule} schedule ended with them"
    if settings.warmup_epochs > settings.epochs - 1:
        return "its learning rate was still rising at their end"
    return None


def extend(out: Path, recorded: dict[str, Any]) -> None:
    """Note that a run goes on for more epochs than it was begun with."""
    earlier = read_settings(out / SETTINGS)
    if earlier.epochs < recorded["epochs"]:
        content = {**earlier.recorded(), "epochs": recorded["epochs"]}
        with atomic_path(out / SETTINGS, overwrite=True) as path:
            path.write_text(json.dumps(content, indent=2) + "\n")


def write_history(out: Path, history: History) -> None:
    """Replace ``history.csv``."""
    with (
        atomic_path(out / HISTORY, overwrite=True) as temporary,
        temporary.open("w", newline="") as lines,
    ):
        writer = csv.DictWriter(lines, list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def best_epoch(history: Sequence[dict[str, float]]) -> int:
    """Index of the epoch with the highest validation correlation; 0 without any."""
    return max(range(len(history)), key=lambda i: history[i]["validation_r"], default=0)


def _targets_file(heads: Sequence[str] | dict[str, Any], head: str) -> str:
    return "targets.tsv" if len(heads) == 1 else f"targets.{head}.tsv"
