"""Tables of loci: ranked, a job a table, and a page a locus, in shards.

    snakemake --snakefile workflows/loci.smk --configfile loci.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import re
import shlex
import sys

sys.path.insert(0, str(workflow.basedir))
from command_lines import THREADS, alone, option, options, outdate, program
from configuration import checked
from costs import is_dry_run, jobs_at_a_time
from inputs import on_disk, shares_files
from loci_configuration import BOTH, LociConfig
from loci_costs import loci_told

shared = shares_files(workflow)
settings = checked(LociConfig, config, shared=shared)
basenji = program("basenji", settings, shared=shared)
tables = dict(settings.files)
observed = (settings.locus.observed or {}).values()
#: Addresses are fetched by the commands; Snakemake never sees them, nor files of an image.
inputs = {
    "fasta": on_disk([settings.fasta], shared=shared),
    "model": on_disk(settings.bundles, shared=shared),
    "others": on_disk([settings.genes, settings.linkage, settings.rsids], shared=shared),
}
beside = on_disk([settings.elements, settings.motif_file, *observed], shared=shared)
given = " ".join(
    [
        shlex.join(
            [
                *("--fasta", settings.fasta),
                *(word for path in settings.model for word in ("--model", path)),
            ]
        ),
        *(option(name, getattr(settings, name)) for name in BOTH),
    ]
)
shown = " ".join(
    [
        option("motifs", settings.motifs),
        option("elements", settings.elements),
        options(settings.locus),
    ]
)


if is_dry_run():
    for line in loci_told(settings, jobs_at_a_time(workflow)):
        print(line, file=sys.stderr)


def table(wildcards):
    return tables[wildcards.name]


def table_on_disk(wildcards):
    return on_disk([table(wildcards)], shared=shared)


if settings.container is not None:

    container: settings.container


wildcard_constraints:
    name="|".join(map(re.escape, tables)),
    shard="[0-9]+",


localrules:
    all,


# What failed jobs left as it was is made again: also where Snakemake was killed before it could say so.
outdate(workflow)


onerror:
    outdate(workflow)


rule all:
    input:
        expand("ranked/{name}", name=tables),
        expand("pages/{name}", name=tables if settings.pages else []),


# What a killed job left is gone on with. Where a job outlived its Snakemake, the one that takes its
# place waits, and finds the output complete: `update` keeps Snakemake from deleting it first.
rule rank:
    input:
        table=table_on_disk,
        background=on_disk([settings.background], shared=shared),
        **inputs,
    output:
        update(directory("ranked/{name}")),
    params:
        table=table,
        given=given,
        background=option("background", settings.background),
        options=options(settings.rank),
    log:
        "logs/rank/{name}.log",
    benchmark:
        "measured/rank/{name}.tsv"
    threads: 1
    shell:
        alone(
            "rank/{wildcards.name:q}",
            "{basenji} rank {params.given} {params.background} {params.options}"
            " --variants {params.table:q} --out {output:q} --resume --overwrite --quiet 2>> {log:q}",
        )


rule shard:
    input:
        table=table_on_disk,
        ranking="ranked/{name}",
        beside=beside,
        **inputs,
    output:
        update(directory("pages/{name}.shards/{shard}-of-{shards}")),
    params:
        table=table,
        given=given,
        # Shards lie in a folder beside the output, wherever Snakemake lets that be.
        out=lambda wildcards, output: output[0].rpartition(".shards/")[0],
        options=shown,
    log:
        "logs/shard/{name}/{shard}-of-{shards}.log",
    benchmark:
        "measured/shard/{name}/{shard}-of-{shards}.tsv"
    threads: 1
    shell:
        alone(
            "shard/{wildcards.name:q}/{wildcards.shard}-of-{wildcards.shards}",
            "{basenji} locus {params.given} {params.options} --ranking {input.ranking:q}"
            " --variants {params.table:q} --out {params.out:q}"
            " --shard {wildcards.shard}/{wildcards.shards} --resume --overwrite --quiet 2>> {log:q}",
        )


rule join:
    input:
        expand(
            "pages/{{name}}.shards/{shard}-of-{shards}",
            shard=range(1, settings.shards + 1),
            shards=settings.shards,
        ),
        table=table_on_disk,
        ranking="ranked/{name}",
        beside=beside,
        **inputs,
    output:
        directory("pages/{name}"),
    params:
        table=table,
        given=given,
        options=shown,
    log:
        "logs/join/{name}.log",
    benchmark:
        "measured/join/{name}.tsv"
    shell:
        THREADS + " {basenji} locus {params.given} {params.options} --ranking {input.ranking:q}"
        " --variants {params.table:q} --out {output:q} --join-shards --resume --overwrite --quiet"
        " 2> {log:q}"
