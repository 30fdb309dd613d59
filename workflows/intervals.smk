"""What predict.smk and mutate.smk share, which set `command`, `settings` and `shared`."""

import shlex
import sys

from command_lines import alone, options, outdate, program
from costs import Work, is_dry_run, jobs_at_a_time, told
from inputs import count_positions, on_disk, write_contigs

basenji = program("basenji", settings, shared=shared)
bed = settings.bed or "whole_genome.bed"
#: Addresses are fetched by the commands; Snakemake never sees them, nor files of an image.
inputs = {
    "fasta": on_disk([settings.fasta], shared=shared),
    "model": on_disk(settings.bundles, shared=shared),
    "bed": on_disk([bed], shared=shared),
}
given = shlex.join(
    [
        *("--fasta", settings.fasta),
        *(word for path in settings.model for word in ("--model", path)),
        *("--bed", bed),
    ]
)
#: A file is one thing to Snakemake, and a folder another.
placed = settings.out if settings.out.endswith(".h5") else directory(settings.out)


if is_dry_run():
    work = Work(settings.out, *count_positions(settings.fasta, settings.bed), settings.shards)
    for line in told(command, settings, [work], jobs_at_a_time(workflow)):
        print(line, file=sys.stderr)


if settings.container is not None:

    container: settings.container


wildcard_constraints:
    shard="[0-9]+",


localrules:
    whole_genome,


rule whole_genome:
    input:
        on_disk([settings.fasta], shared=shared),
    output:
        "whole_genome.bed",
    run:
        write_contigs(input[0], output[0])


# What failed jobs left as it was is made again: also where Snakemake was killed before it could say so.
outdate(workflow)


onerror:
    outdate(workflow)


# What a killed job left is gone on with. Where a job outlived its Snakemake, the one that takes its
# place waits, and finds the shard complete: `update` keeps Snakemake from deleting it first.
rule shard:
    input:
        **inputs,
    output:
        update(directory(f"{settings.out}.shards/{{shard}}-of-{{shards}}")),
    params:
        given=given,
        # Shards lie in a folder beside the output, wherever Snakemake lets that be.
        out=lambda wildcards, output: output[0].rpartition(".shards/")[0],
        options=options(settings.options),
    log:
        f"logs/shard/{settings.out}/{{shard}}-of-{{shards}}.log",
    benchmark:
        f"measured/shard/{settings.out}/{{shard}}-of-{{shards}}.tsv"
    threads: 1
    shell:
        alone(
            f"shard/{settings.out}/{{wildcards.shard}}-of-{{wildcards.shards}}",
            "{basenji} {command} {params.given} {params.options} --out {params.out:q}"
            " --shard {wildcards.shard}/{wildcards.shards} --resume --overwrite --quiet 2>> {log:q}",
        )


rule join:
    input:
        expand(
            settings.out + ".shards/{shard}-of-{shards}",
            shard=range(1, settings.shards + 1),
            shards=settings.shards,
        ),
        **inputs,
    output:
        placed,
    params:
        given=given,
        options=options(settings.options),
    log:
        f"logs/join/{settings.out}.log",
    benchmark:
        f"measured/join/{settings.out}.tsv"
    shell:
        "{basenji} {command} {params.given} {params.options} --out {output:q} --join-shards --resume"
        " --overwrite --quiet 2> {log:q}"
