"""Every mutation of intervals or a whole genome, in shards: pieces, then the output.

    snakemake --snakefile workflows/mutate.smk --configfile mutate.yaml --profile workflows/profiles/local

docs/how-to/cluster.md describes configuration and profiles.
"""

import sys

sys.path.insert(0, str(workflow.basedir))
from configuration import MutateConfig, checked
from inputs import shares_files

command = "mutate"
shared = shares_files(workflow)
settings = checked(MutateConfig, config, shared=shared)


include: "intervals.smk"


localrules:
    all,


rule all:
    input:
        settings.out,
