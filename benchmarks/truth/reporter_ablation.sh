#!/usr/bin/env bash
# What the trunk of the profiles and the loss on pairs contribute to the reporter.
#
#     BASENJI_DATA=FOLDER benchmarks/truth/reporter_ablation.sh OUTPUT_FOLDER MODEL
#
# FOLDER/yeast has genome.fa.gz and reporter/, as for training/recipes/yeast_reporter.sh; MODEL is the
# shipped bundle. Two seeds of each, measured on the validation groups. An interrupted run goes on
# where it stopped when the same command is given again.
set -euo pipefail

if (($# != 2)) || [[ -z ${BASENJI_DATA:-} ]]; then
  echo "usage: BASENJI_DATA=FOLDER $0 OUTPUT_FOLDER MODEL" >&2
  exit 2
fi
data=$(cd "$BASENJI_DATA/yeast" && pwd)
model=$(cd "$2" && pwd)
mkdir -p "$1"
cd "$1"
ln -sfn "$data" yeast
ln -sfn "$model" model

if [[ ! -e promoter ]]; then
  basenji-train reporters rich=yeast/reporter/sequences.tsv.gz \
    defined=yeast/reporter/sequences_defined_medium.tsv.gz --weight cells --weight-kind counts \
    --context yeast/reporter/plasmid.json --pairs yeast/reporter/snv_pairs.tsv.gz \
    --fasta yeast/genome.fa.gz --test-contigs chrIV,chrV,chrXI --validation-contigs chrXIII \
    --out promoter
fi

run() { # run NAME SEED OPTIONS...
  local out=$1_$2 seed=$2
  shift 2
  basenji-train fit promoter --network model/architecture.json --epochs 6 --warmup-epochs 0.5 \
    --weight-decay 0.01 --seed "$seed" --out "$out" --resume "$@"
  basenji-train evaluate-reporter "$out" --store promoter --split validation --out "$out.json" \
    --overwrite
}

for seed in 1 2; do
  run profiles "$seed" --init model --init-member 1 --freeze-trunk
  run profiles_pairs "$seed" --init model --init-member 1 --freeze-trunk --reporter-pair-weight 0.5
  run alone "$seed"
  run alone_pairs "$seed" --reporter-pair-weight 0.5
done
