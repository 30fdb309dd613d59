"""Predictions of intervals or a whole genome, in shards: pieces, then the output.

    snakemake --snakefile workflows/predict.smk --configfile predict.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import sys

sys.path.insert(0, str(workflow.basedir))
from configuration import PredictConfig, checked
from inputs import shares_files

command = "predict"
shared = shares_files(workflow)
settings = checked(PredictConfig, config, shared=shared)


include: "intervals.smk"


localrules:
    all,


rule all:
    input:
        settings.out,
