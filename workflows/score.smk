"""Scores of files of variants, in shards: plan, score, merge.

    snakemake --snakefile workflows/score.smk --configfile score.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import re
import shlex
import sys

sys.path.insert(0, str(workflow.basedir))
from command_lines import alone, option, options, program
from configuration import UNPLANNED, ScoreConfig, checked
from costs import Work, is_dry_run, jobs_at_a_time, told
from inputs import count_alleles

settings = checked(ScoreConfig, config)
basenji = program("basenji", settings)
files = dict(settings.files)
inputs = {
    "fasta": settings.fasta,
    "model": settings.bundles,
    "others": [path for path in (settings.options.genes, settings.options.background) if path],
}
#: Forms of the output.
forms = ["parquet", *(["vcf.gz"] if settings.vcf else [])]
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


if settings.container is not None:

    container: settings.container


wildcard_constraints:
    name="|".join(map(re.escape, files)),
    shard="[0-9]+",
    form="parquet|vcf.gz",


localrules:
    all,


rule all:
    input:
        expand("scores/{name}.{form}", name=files, form=forms),


rule plan:
    input:
        vcf=vcf,
        **inputs,
    output:
        "plans/{name}.json",
    params:
        given=given,
        options=options(settings.options, leaving_out=UNPLANNED),
    log:
        "logs/plan/{name}.log",
    benchmark:
        "measured/plan/{name}.tsv"
    shell:
        "{basenji} plan-scores {params.given} {params.options} --vcf {input.vcf:q}"
        " --out {output:q} --overwrite --quiet 2> {log:q}"


# What a killed job left is gone on with. Where a job outlived its Snakemake, the one that takes its
# place waits, and finds the shard complete: `update` keeps Snakemake from deleting it first.
rule shard:
    input:
        vcf=vcf,
        plan="plans/{name}.json",
        **inputs,
    output:
        [update(f"shards/{{name}}/{{shard}}-of-{{shards}}.{form}") for form in forms],
    params:
        given=given,
        also=lambda wildcards, output: option("also", output[1] if settings.vcf else None),
        options=options(settings.options),
    log:
        "logs/shard/{name}/{shard}-of-{shards}.log",
    benchmark:
        "measured/shard/{name}/{shard}-of-{shards}.tsv"
    threads: 1
    shell:
        alone("shard/{wildcards.name:q}/{wildcards.shard}-of-{wildcards.shards}")
        + " {basenji} score {params.given} {params.options} --vcf {input.vcf:q} --plan {input.plan:q}"
        " --shard {wildcards.shard}/{wildcards.shards} --out {output[0]:q} {params.also}"
        " --resume --overwrite --quiet 2>> {log:q}"


rule merge:
    input:
        expand(
            "shards/{{name}}/{shard}-of-{shards}.{{form}}",
            shard=range(1, settings.shards + 1),
            shards=settings.shards,
        ),
    output:
        "scores/{name}.{form}",
    log:
        "logs/merge/{name}.{form}.log",
    benchmark:
        "measured/merge/{name}.{form}.tsv"
    shell:
        "{basenji} merge-scores {input:q} --out {output:q} --overwrite --quiet 2> {log:q}"
