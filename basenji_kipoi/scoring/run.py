"""A run that scores a file of variants: its options, its parts, its outputs."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.checksum import check_unchanged, fingerprint
from basenji_kipoi.base.errors import InputError, full_disk_named
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sharing.processes import worker_devices
from basenji_kipoi.base.sharing.shards import shard_of
from basenji_kipoi.base.unfinished import UnfinishedRun, first_difference
from basenji_kipoi.genome.vcf import STANDARD_INPUT
from basenji_kipoi.models.model import paths_of
from basenji_kipoi.scoring.metadata import (
    describe_run,
    read_metadata,
    settings_of,
)
from basenji_kipoi.scoring.outputs import Summary, outputs_of, write_outputs
from basenji_kipoi.scoring.parts.opening import opened_with_variants
from basenji_kipoi.scoring.parts.workers import score_in_workers
from basenji_kipoi.scoring.plan import (
    KeptParts,
    check_can_be_planned,
    make_plan,
    read_parts,
    read_plan,
)
from basenji_kipoi.scoring.tables import save_batches
from basenji_kipoi.scoring.writers import check_vcf_output, suffix_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.genome.vcf import Variant, VariantFile
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.parts.opening import Opened
    from basenji_kipoi.scoring.plan import Plan

__all__ = ["plan_file", "score_file"]


def score_file(
    options: ScoreOptions,
    *,
    genes: Genes | None = None,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool,
    note: Callable[[str], object],
) -> Summary | None:
    """Score a file of variants.

    Parameters
    ----------
    options
        What is scored.
    genes
        The genes of the options' file, if they have been read already.
    command
        The command, which the output will name.
    resume
        Whether to go on with what an interrupted run left.
    overwrite
        Whether to replace an output, and to delete what an interrupted run left.
    quiet
        Whether to show no progress bar.
    note
        Called with what the user should know, a line each.

    Returns
    -------
    Summary or None
        What is in the output; None if an earlier run of the same made it already.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.
    """
    if options.long and ".vcf" in suffix_of(options.out):
        raise InputError("--long: a VCF has one form only: write .parquet or .tsv")
    devices = worker_devices(options.devices)
    outputs = outputs_of(options.out, genes=options.genes is not None, also=options.also)
    for path in outputs:
        check_output(path, overwrite=overwrite or resume, inputs=_input_files(options))
    watched = {path: fingerprint(path) for path in (options.fasta, options.genes) if path}
    unfinished = UnfinishedRun(
        outputs, "basenji score", None, command=command, resume=resume, overwrite=overwrite
    )
    # The lock is taken first: two runs of one output would both read all of the input.
    with (
        full_disk_named(options.out),
        unfinished as run,
        opened_with_variants(options, genes) as (variants, inputs),
    ):
        scoring = inputs.scoring
        if any(".vcf" in suffix_of(path) for path in outputs):
            check_vcf_output(variants)
        # With a plan, parts are read from the file where they lie.
        beside = options.out.absolute().parent
        with contextlib.nullcontext() if options.plan else KeptParts(beside) as kept:
            plan = _plan(options, variants, inputs, kept=kept, quiet=quiet, note=note)
            settings = _settings(options, inputs, plan)
            is_new = run.is_begun or not any(path.exists() for path in outputs)
            if resume and not is_new and _is_of(options, settings, outputs, overwrite=overwrite):
                return None
            run.begin(settings)
            numbers = shard_of(plan.parts, options.shard)
            folders = {number: f"part-{number:06d}" for number in numbers}
            total = sum(plan.parts[number].alleles for number in numbers)
            if not numbers and plan.parts:
                note(_empty_shard(options.shard, plan))
            missing = [number for number in numbers if not run.has(folders[number])]
            done = total - sum(plan.parts[number].alleles for number in missing)
            with progress_bar(
                "" if quiet else "scoring", total=total, done=done, unit="alleles"
            ) as advance:
                parts = (
                    read_parts(variants, plan.parts, missing)
                    if kept is None
                    else kept.read(missing)
                )
                unchanged = _while_unchanged(variants, parts)
                if devices:
                    places = (run.path(folders[number]) for number in missing)
                    score_in_workers(
                        options, variants.name, devices, zip(places, unchanged), advance
                    )
                else:
                    for number, part in zip(missing, unchanged):
                        batches = scoring.score(part, advance)
                        with run.piece(folders[number]) as folder:
                            save_batches(folder, batches)
        metadata = describe_run(
            options, settings, inputs.bundles, scoring.defined, scoring.symbols, run.command
        )
        with progress_bar("" if quiet else "writing", total=total, unit="alleles") as advance:
            summary = write_outputs(
                run,
                [run.path(folders[number]) for number in numbers],
                scoring.tables(metadata),
                variants,
                plan.parts[numbers[0]] if numbers else None,
                is_long=options.long,
                advance=advance,
            )
        variants.check_unchanged()
        check_unchanged(watched)
        run.place()
        return summary


def plan_file(
    options: ScoreOptions, *, overwrite: bool = False, quiet: bool, note: Callable[[str], object]
) -> Plan:
    """Write the plan of a file of variants, which any number of shards can use.

    Parameters
    ----------
    options
        What will be scored; ``out`` is the plan. Of what the parts do not depend on, the checksums
        alone are computed.
    overwrite
        Whether to replace a plan that is there.
    quiet
        Whether to show no progress bar.
    note
        Called with what the user should know, a line each.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.
    """
    check_output(options.out, overwrite=overwrite, inputs=_input_files(options))
    if options.background:
        read_metadata(options.background)  # whether it is one
    with opened_with_variants(replace(options, background=None)) as (variants, inputs):
        check_can_be_planned(variants)
        plan = _plan(options, variants, inputs, quiet=quiet, note=note)
    with atomic_path(options.out, overwrite=overwrite) as path:
        path.write_text(plan.model_dump_json() + "\n", encoding="utf-8")
    return plan


def _input_files(options: ScoreOptions) -> list[str | os.PathLike[str] | None]:
    """List the files and folders that the options name."""
    vcf = None if str(options.vcf) == STANDARD_INPUT else options.vcf
    return [
        *paths_of(options.model),
        options.fasta,
        vcf,
        options.genes,
        options.background,
        options.plan,
    ]


def _plan(
    options: ScoreOptions,
    variants: VariantFile,
    inputs: Opened,
    *,
    kept: KeptParts | None = None,
    quiet: bool,
    note: Callable[[str], object],
) -> Plan:
    """Read the plan that the options name, or make one, whose alleles may be kept."""
    checks, model = inputs.checks, inputs.chosen.placed["model"]
    if options.plan:
        plan = read_plan(
            options.plan,
            variants,
            fasta=options.fasta,
            genes=options.genes,
            background=options.background,
            model=model,
            part_size=options.part_size,
            quiet=quiet,
        )
    else:
        plan = make_plan(
            variants,
            checks,
            genes=options.genes,
            background=options.background,
            model=model,
            part_size=options.part_size or inputs.scoring.part_size,
            is_assembly_checked=options.check_ref is None,
            kept=kept,
            quiet=quiet,
        )
    for contig in plan.contigs:
        checks.contig(contig)
    if checks.renamed:
        note(_renamed(checks.renamed, variants.name))
    return plan


def _while_unchanged(
    variants: VariantFile, parts: Iterable[list[Variant]]
) -> Iterator[list[Variant]]:
    """Yield parts as long as they are of one file, whatever becomes of the file later."""
    for part in parts:
        variants.check_unchanged()
        yield part


def _settings(options: ScoreOptions, inputs: Opened, plan: Plan) -> dict[str, Any]:
    """List all that the scores depend on."""
    return {
        "version": __version__,
        **inputs.chosen.placed,
        "fasta": plan.fasta.sha256,
        "vcf": plan.vcf.sha256,
        "scores": inputs.chosen.scores,
        "tracks": inputs.chosen.columns,
        "genes": plan.genes and plan.genes.sha256,
        "check_ref": inputs.checks.check_ref.value,
        "max_allele": inputs.checks.longest,
        "background": plan.background and plan.background.sha256,
        "part_size": plan.part_size,
        "memory": options.memory,
        "shard": "{}/{}".format(*options.shard),
    }


def _empty_shard(shard: tuple[int, int], plan: Plan) -> str:
    parts = "1 part" if len(plan.parts) == 1 else f"{len(plan.parts):,} parts"
    return (
        "--shard {}/{} has no allele: ".format(*shard)
        + f"{plan.vcf.name} has {parts} of up to {plan.part_size:,} alleles, and shards are whole "
        "parts: ask for fewer shards, or a smaller --part-size in all of them"
    )


def _is_of(
    options: ScoreOptions, settings: dict[str, Any], outputs: Sequence[Path], *, overwrite: bool
) -> bool:
    """Tell whether outputs are those of a run; raise InputError if they must not be replaced."""
    settings = {**settings, "long": options.long}
    try:
        there = [path.exists() for path in outputs]
        if not all(there):
            raise InputError(f"{outputs[there.index(True)]} exists without its other outputs")
        if difference := first_difference(settings_of(read_metadata(outputs[0])), settings):
            raise InputError(f"{outputs[0]} was made with {difference}")
    except InputError as error:
        if overwrite:
            return False
        raise InputError(f"{error}: name another output, or pass --overwrite") from None
    return True


def _renamed(renamed: dict[str, str], name: str) -> str:
    theirs, ours = next(iter(renamed.items()))
    more = f" (and {len(renamed) - 1} more contigs likewise)" if len(renamed) > 1 else ""
    return f"the contig {theirs} of {name} is read as {ours} of the genome{more}"
