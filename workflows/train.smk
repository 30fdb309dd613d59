"""From reads to models: coverage, store, check, runs, evaluations, bundles.

    snakemake --snakefile workflows/train.smk --configfile train.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(workflow.basedir))
from command_lines import THREADS, alone, option, options, outdate, program, together
from configuration import TrainConfig, checked
from costs import is_dry_run, jobs_at_a_time
from inputs import shares_files
from training_costs import training_told
from training_tables import read_samples, write_summary, write_targets

settings = checked(TrainConfig, config, shared=shares_files(workflow))
train = program("basenji-train", settings)
samples = {sample.sample: sample for sample in read_samples(settings.samples)}
recipes = dict(settings.named_recipes)
parts = settings.store.parts
genes = [settings.genes] if settings.genes else []
hosts = settings.hosts
#: What a run asks SLURM for that several hosts train.
several = {"tasks": hosts, "nodes": hosts, "mpi": "srun"} if hosts > 1 else {}


if is_dry_run():
    for line in training_told(settings, list(samples.values()), jobs_at_a_time(workflow)):
        print(line, file=sys.stderr)


def run_of(recipe, part, seed):
    """Name the run directory: with folds, fit makes a folder of runs, here of one."""
    folder = f"runs/{recipe}/{part}/seed{seed}"
    return folder if settings.store.folds is None else f"{folder}/{part}-1"


def recipe_files(wildcards):
    """List the file of a recipe; one that comes with the package has none."""
    return [each for each in [recipes[wildcards.recipe]] if each.endswith(".json")]


if settings.container is not None:

    container: settings.container


wildcard_constraints:
    sample="[^/]+",
    recipe="[^/]+",
    part="[^/]+",
    seed="[0-9]+",


localrules:
    all,
    targets,
    summary,


# What failed jobs left as it was is made again: also where Snakemake was killed before it could say so.
outdate(workflow)


onerror:
    outdate(workflow)


rule all:
    input:
        "summary.tsv",
        "check/check.json",
        expand("models/{recipe}/{part}", recipe=recipes, part=parts),


rule coverage:
    input:
        reads=lambda wildcards: samples[wildcards.sample].reads,
        fasta=settings.fasta,
        genes=genes,
    output:
        update("coverage/{sample}.json"),
        report(
            update("coverage/{sample}.html"),
            category="Coverage",
            labels={"sample": "{sample}"},
        ),
    params:
        assay=lambda wildcards: samples[wildcards.sample].assay,
        genes=option("genes", settings.genes),
    log:
        "logs/coverage/{sample}.log",
    benchmark:
        "measured/coverage/{sample}.tsv"
    threads: 1
    shell:
        alone(
            "coverage/{wildcards.sample:q}",
            "{train} coverage {input.reads:q} --assay {params.assay} --fasta {input.fasta:q}"
            " {params.genes} --out coverage/{wildcards.sample:q}.bw --processes {threads}"
            " --resume --overwrite >> {log:q} 2>&1",
        )


rule targets:
    input:
        expand("coverage/{sample}.json", sample=samples),
    output:
        "targets.tsv",
    run:
        write_targets(samples.values(), Path("coverage"), output[0])


rule data:
    input:
        targets="targets.tsv",
        fasta=settings.fasta,
        others=[settings.store.blacklist] if settings.store.blacklist else [],
    output:
        update(directory("store.zarr")),
    params:
        options=options(settings.store, leaving_out={"tested_folds"}),
        name=option("name", settings.name),
    log:
        "logs/data.log",
    benchmark:
        "measured/data.tsv"
    threads: 1
    shell:
        alone(
            "data",
            "{train} data {input.targets:q} --fasta {input.fasta:q} {params.name}"
            " {params.options} --out {output:q} --processes {threads} --resume --overwrite"
            " >> {log:q} 2>&1",
        )


rule check:
    input:
        store="store.zarr",
        genes=genes,
    output:
        "check/check.json",
        report("check/check.png", category="Store"),
    params:
        genes=option("genes", settings.genes),
    log:
        "logs/check.log",
    benchmark:
        "measured/check.tsv"
    shell:
        "{train} check {input.store:q} {params.genes} --out check --overwrite --strict"
        " > {log:q} 2>&1"


rule fit:
    input:
        "check/check.json",
        store="store.zarr",
        recipe=recipe_files,
    output:
        touch("runs/{recipe}/{part}/seed{seed}.fitted"),
    params:
        recipe=lambda wildcards: option("recipe", recipes[wildcards.recipe]),
        fold=lambda wildcards: option("folds", wildcards.part if settings.store.folds else None),
        out="runs/{recipe}/{part}/seed{seed}",
    log:
        "logs/fit/{recipe}/{part}/seed{seed}.log",
    benchmark:
        "measured/fit/{recipe}/{part}/seed{seed}.tsv"
    threads: 1
    resources:
        **several,
    shell:
        alone(
            "fit/{wildcards.recipe:q}/{wildcards.part:q}/{wildcards.seed}",
            together(hosts) + "{train} fit {input.store:q} {params.recipe} {params.fold}"
            " --seed {wildcards.seed} --out {params.out:q} --resume >> {log:q} 2>&1",
        )


rule evaluate:
    input:
        expand("runs/{{recipe}}/{{part}}/seed{seed}.fitted", seed=settings.seeds),
        store="store.zarr",
        genes=genes,
    output:
        json="evaluations/{recipe}/{part}.json",
        page=report(
            "evaluations/{recipe}/{part}.html",
            category="Evaluation",
            labels={"recipe": "{recipe}", "held out": "{part}"},
        ),
    params:
        runs=lambda wildcards: [
            run_of(wildcards.recipe, wildcards.part, seed) for seed in settings.seeds
        ],
        genes=option("genes", settings.genes),
        options=options(settings.evaluate),
    log:
        "logs/evaluate/{recipe}/{part}.log",
    benchmark:
        "measured/evaluate/{recipe}/{part}.tsv"
    threads: 1
    shell:
        THREADS + " {train} evaluate {params.runs:q} --store {input.store:q}"
        " {params.genes} {params.options} --out {output.json:q} --overwrite > {log:q} 2>&1"


rule export:
    input:
        evaluation="evaluations/{recipe}/{part}.json",
    output:
        directory("models/{recipe}/{part}"),
    params:
        runs=rules.evaluate.params.runs,
        name=option("name", settings.name),
        assembly=option("assembly", settings.assembly),
        description=option("description", settings.description or None),
    log:
        "logs/export/{recipe}/{part}.log",
    benchmark:
        "measured/export/{recipe}/{part}.tsv"
    shell:
        "{train} export {params.runs:q} --evaluation {input.evaluation:q} {params.name}"
        " {params.assembly} {params.description} --out {output:q} --overwrite > {log:q} 2>&1"


rule summary:
    input:
        expand("evaluations/{recipe}/{part}.json", recipe=recipes, part=parts),
    output:
        report("summary.tsv", category="Summary"),
    run:
        keys = [(recipe, part) for recipe in recipes for part in parts]
        write_summary(dict(zip(keys, map(Path, input))), output[0])
