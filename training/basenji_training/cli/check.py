"""The command ``basenji-train check``: what is wrong with a store."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from basenji_training.data.check import Finding

__all__ = ["check"]

_REPORT, _PICTURE = "check.json", "check.png"


def check(
    store: Annotated[Path, typer.Argument(help="The store.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write: check.json and check.png.")
    ] = None,
    genes: Annotated[
        Path | None,
        typer.Option(help="GTF file of the store's genome: checks assembly and strands."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with status 1 if there is an error.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Look for faults in a store: damage, dead, doubled or badly scaled tracks, exchanged strands.

    All of it is read. Of a store of reporters: damage, dead and doubled activities, outliers,
    weights, splits.

    Replicates are tracks with the same assay, sample and strand in the targets table. Which strand
    a track has is told by its name's end (+ and -, plus and minus, fwd and rev); of a pair whose
    names do not tell, the first is the plus strand's.
    """
    from rich.console import Console

    from basenji_training.store.description import REPORTERS

    if out is not None:
        kind = Folder("the outcome of a check", holds=(_REPORT, _PICTURE))
        check_output(out, overwrite=overwrite, inputs=(store, genes), folder=kind)
    if (store / REPORTERS).is_file():
        if genes is not None:
            raise InputError(f"--genes: {store} is a store of reporters, which have no places")
        findings, what = _check_reporters(store, out, overwrite=overwrite)
    else:
        findings, what = _check_tracks(store, out, genes, overwrite=overwrite)
    console = Console(highlight=False)
    for finding in findings:
        kind = "[red]error[/red]" if finding.is_error else "[yellow]warning[/yellow]"
        names = ", ".join(finding.tracks[:5]) + (", …" if len(finding.tracks) > 5 else "")
        count = f" ({len(finding.tracks)} tracks)" if len(finding.tracks) > 5 else ""
        console.print(
            f"{kind} {finding.kind}: {names}{count}: {finding.message}".replace(": : ", ": ")
        )
    if not findings:
        console.print(f"{store}: nothing found in {what}")
    if strict and any(finding.is_error for finding in findings):
        raise typer.Exit(1)


def _check_tracks(
    store: Path, out: Path | None, genes: Path | None, *, overwrite: bool
) -> tuple[list[Finding], str]:
    """Check a store of tracks: what was found, and in what."""
    from basenji_training.store.description import read_description

    read_description(store)
    # Only now what takes long to import: an error above comes at once.
    from basenji_training.data.check import find_faults, report
    from basenji_training.data.check_plot import plot_check
    from basenji_training.data.survey import survey
    from basenji_training.store.store import Store
    from basenji_training.store.verification import verify_store

    opened = Store.open(store)
    verify_store(opened, label="reading")
    measured = survey(opened, genes, label="checking")
    findings = find_faults(opened.targets, measured)
    if out is not None:
        with atomic_path(out, overwrite=overwrite) as folder:
            _write(report(opened.name, opened.targets, measured, findings), folder)
            plot_check(opened.targets, measured, folder / _PICTURE)
    return findings, f"{len(opened.targets)} tracks"


def _check_reporters(
    store: Path, out: Path | None, *, overwrite: bool
) -> tuple[list[Finding], str]:
    """Check a store of reporters: what was found, and in what."""
    from basenji_training.data.reporters.check import find_reporter_faults, reporter_report
    from basenji_training.data.reporters.picture import plot_reporters
    from basenji_training.store.reporters import ReporterStore

    opened = ReporterStore.open(store)
    findings = find_reporter_faults(opened)
    if out is not None:
        with atomic_path(out, overwrite=overwrite) as folder:
            _write(reporter_report(opened, findings), folder)
            plot_reporters(opened, (), folder / _PICTURE)
    return findings, f"{len(opened):,} sequences"


def _write(content: dict[str, Any], folder: Path) -> None:
    folder.mkdir()
    (folder / _REPORT).write_text(json.dumps(content, indent=2) + "\n")
