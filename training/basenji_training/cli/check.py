"""The command ``basenji-train check``: what is wrong with a store."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check"]


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

    All of it is read.

    Replicates are tracks with the same assay, sample and strand in the targets table. Which strand
    a track has is told by its name's end (+ and -, plus and minus, fwd and rev); of a pair whose
    names do not tell, the first is the plus strand's.
    """
    import json

    from rich.console import Console

    from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
    from basenji_training.store.description import read_description

    if out is not None:
        kind = Folder("the outcome of a check", holds=("check.json", "check.png"))
        check_output(out, overwrite=overwrite, inputs=(store, genes), folder=kind)
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
            folder.mkdir()
            content = report(opened.name, opened.targets, measured, findings)
            (folder / "check.json").write_text(json.dumps(content, indent=2) + "\n")
            plot_check(opened.targets, measured, folder / "check.png")
    console = Console(highlight=False)
    for finding in findings:
        kind = "[red]error[/red]" if finding.is_error else "[yellow]warning[/yellow]"
        names = ", ".join(finding.tracks[:5]) + (", …" if len(finding.tracks) > 5 else "")
        count = f" ({len(finding.tracks)} tracks)" if len(finding.tracks) > 5 else ""
        console.print(
            f"{kind} {finding.kind}: {names}{count}: {finding.message}".replace(": : ", ": ")
        )
    if not findings:
        console.print(f"{store}: nothing found in {len(opened.targets)} tracks")
    if strict and any(finding.is_error for finding in findings):
        raise typer.Exit(1)
