"""The command `basenji-train population`: people with a simulated genome, and what follows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basenji_training.optimisation.settings import LARGEST_SEED

__all__ = ["population"]

#: Of more, the genotypes alone would not fit into memory; no locus is wider.
_MOST_PEOPLE, _MOST_TRAITS, _MOST_REACH = 1_000_000, 10_000, 10**9


def population(
    simulation: Annotated[Path, typer.Argument(help="What `basenji-train simulate` wrote.")],
    out: Annotated[Path, typer.Option(help="Directory to write.")],
    people: Annotated[
        int, typer.Option(min=10, max=_MOST_PEOPLE, help="People with genotypes and traits.")
    ] = 2000,
    donors: Annotated[
        int,
        typer.Option(
            min=10, max=_MOST_PEOPLE, help="How many of them have expression of genes too."
        ),
    ] = 500,
    traits: Annotated[
        int, typer.Option(min=1, max=_MOST_TRAITS, help="Traits, each of twelve genes.")
    ] = 20,
    reach: Annotated[
        int,
        typer.Option(
            min=100, max=_MOST_REACH, help="Variants of a locus lie so far from its middle (bp)."
        ),
    ] = 5000,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of everything random.")
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Write genotypes, eQTLs and a GWAS of people whose genes follow from the simulated grammar.

    Linkage hides the variants that matter, and truth.tsv says which they are.
    """
    from basenji_kipoi.base.atomic import check_place  # noqa: PLC0415 - when it runs
    from basenji_kipoi.base.text_files import check_is_there  # noqa: PLC0415

    check_is_there(simulation / "simulation.json", "simulation's")
    check_place(out, overwrite=overwrite)
    # Only now what takes long to import: an error above comes at once.
    from basenji_training.simulation.population import Settings  # noqa: PLC0415
    from basenji_training.simulation.population_files import simulate_population  # noqa: PLC0415

    found = simulate_population(
        simulation,
        out,
        Settings(people=people, donors=donors, traits=traits, seed=seed),
        reach=reach,
        overwrite=overwrite,
        label="simulating",
    )
    typer.echo(
        f"wrote {out}: {found['variants']:,} variants of {people:,} people; {found['genes']:,} "
        f"genes and {found['traits']:,} loci of traits with a signal"
    )
