"""Scores of files of variants, in shards: plan, score, merge.

    snakemake --snakefile workflows/score.smk --configfile score.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import re
import shlex
import sys

sys.path.insert(0, str(workflow.basedir))
from command_lines import alone, option, options, outdate, program
from configuration import UNPLANNED, ScoreConfig, checked
from costs import Work, is_dry_run, jobs_at_a_time, told
from inputs import count_alleles, on_disk, shares_files

shared = shares_files(workflow)
settings = checked(ScoreConfig, config, shared=shared)
basenji = program("basenji", settings, shared=shared)
files = dict(settings.files)
#: Addresses are fetched by the commands; Snakemake never sees them, nor files of an image.
inputs = {
    "fasta": on_disk([settings.fasta], shared=shared),
    "model": on_disk(settings.bundles, shared=shared),
    "others": on_disk(
        [settings.options.genes, settings.options.background], shared=shared
    ),
}
#: Endings of the files of each form of the output; genes have a table of their own.
forms = {"parquet": ["parquet"]}
if settings.vcf:
    forms["vcf"] = ["vcf.gz"]
if settings.options.genes:
    for form, ending in {"parquet": "genes.parquet", "vcf": "genes.tsv.gz"}.items():
        forms.get(form, []).append(ending)
given = shlex.join(
    ["--fasta", settings.fasta, *(word for path in settings.model for word in ("--model", path))]
)


if is_dry_run():
    works = [
        Work(name, *count_alleles(path, f"plans/{name}.json"), settings.shards)
        for name, path in settings.files
    ]
    for line in told("score", settings, works, jobs_at_a_time(workflow)):
        print(line, file=sys.stderr)


def vcf(wildcards):
    return files[wildcards.name]


def vcf_on_disk(wildcards):
    return on_disk([vcf(wildcards)], shared=shared)


if settings.container is not None:

    container: settings.container


wildcard_constraints:
    name="|".join(map(re.escape, files)),
    shard="[0-9]+",


localrules:
    all,


# What failed jobs left as it was is made again: also where Snakemake was killed before it could say so.
outdate(workflow)


onerror:
    outdate(workflow)


rule all:
    input:
        expand("scores/{name}.{ending}", name=files, ending=sum(forms.values(), [])),


rule plan:
    input:
        vcf=vcf_on_disk,
        **inputs,
    output:
        "plans/{name}.json",
    params:
        vcf=vcf,
        given=given,
        options=options(settings.options, leaving_out=UNPLANNED),
    log:
        "logs/plan/{name}.log",
    benchmark:
        "measured/plan/{name}.tsv"
    shell:
        "{basenji} plan-scores {params.given} {params.options} --vcf {params.vcf:q}"
        " --out {output:q} --overwrite --quiet 2> {log:q}"


# What a killed job left is gone on with. Where a job outlived its Snakemake, the one that takes its
# place waits, and finds the shard complete: `update` keeps Snakemake from deleting it first.
rule shard:
    input:
        vcf=vcf_on_disk,
        plan="plans/{name}.json",
        **inputs,
    output:
        [
            update(f"shards/{{name}}/{{shard}}-of-{{shards}}.{ending}")
            for ending in sum(forms.values(), [])
        ],
    params:
        vcf=vcf,
        given=given,
        also=lambda wildcards, output: option(
            "also", output[len(forms["parquet"])] if settings.vcf else None
        ),
        options=options(settings.options),
    log:
        "logs/shard/{name}/{shard}-of-{shards}.log",
    benchmark:
        "measured/shard/{name}/{shard}-of-{shards}.tsv"
    threads: 1
    shell:
        alone(
            "shard/{wildcards.name:q}/{wildcards.shard}-of-{wildcards.shards}",
            "{basenji} score {params.given} {params.options} --vcf {params.vcf:q} --plan {input.plan:q}"
            " --shard {wildcards.shard}/{wildcards.shards} --out {output[0]:q} {params.also}"
            " --resume --overwrite --quiet 2>> {log:q}",
        )


for form, endings in forms.items():

    rule:
        name:
            f"merge_{form}"
        input:
            [
                f"shards/{{name}}/{shard}-of-{settings.shards}.{ending}"
                for ending in endings
                for shard in range(1, settings.shards + 1)
            ],
        output:
            [f"scores/{{name}}.{ending}" for ending in endings],
        params:
            shards=lambda wildcards, input: list(input)[: settings.shards],
        log:
            f"logs/merge/{{name}}.{endings[0]}.log",
        benchmark:
            f"measured/merge/{{name}}.{endings[0]}.tsv"
        shell:
            "{basenji} merge-scores {params.shards:q} --out {output[0]:q} --overwrite --quiet 2> {log:q}"
