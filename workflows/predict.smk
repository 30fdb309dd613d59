"""Predictions of intervals or a whole genome, in shards: pieces, then the output.

    snakemake --snakefile workflows/predict.smk --configfile predict.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import sys

sys.path.insert(0, str(workflow.basedir))
from configuration import PredictConfig, checked

command = "predict"
settings = checked(PredictConfig, config)


include: "intervals.smk"


localrules:
    all,


rule all:
    input:
        settings.out,
