#!/usr/bin/env bash
# The workflows on a simulated genome: reads -> models -> scores of variants, and a report of each.
#
#     workflows/example/run.sh OUTPUT_FOLDER PROFILE
#
# PROFILE is local or slurm. The folder must not exist.
set -euo pipefail

if (($# != 2)); then
  echo "usage: $0 OUTPUT_FOLDER PROFILE" >&2
  exit 2
fi
out=$1 profile=$2
workflows=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
PATH=$workflows/../.venv-training/bin:$workflows/../.venv-workflows/bin:$PATH

if [[ -e $out ]]; then
  echo "error: $out exists already: remove it or name another folder" >&2
  exit 2
fi
mkdir -p "$out"
cd "$out"

step() {
  printf '\n$ %s\n' "$*"
  "$@"
}

run() { # run NAME: a workflow, then its report
  step snakemake --snakefile "$workflows/$1.smk" --configfile "$1.yaml" \
    --profile "$workflows/profiles/$profile"
  step snakemake --snakefile "$workflows/$1.smk" --configfile "$1.yaml" --cores 1 \
    --report "$1.html"
}

step basenji-train simulate --out simulation --size 400000 --variants 300 --reporters 50
step python "$workflows/example/make_inputs.py" .
run train
run score

printf '\ndone in %d s, all in %s: summary.tsv, models/, scores/; train.html and score.html tell\n' \
  "$SECONDS" "$out"
