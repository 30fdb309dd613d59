#!/usr/bin/env bash
# What the trunk of the profiles and the loss on pairs contribute to the reporter.
#
#     BASENJI_DATA=FOLDER benchmarks/truth/reporter_ablation.sh OUTPUT_FOLDER MODEL
#
# FOLDER/yeast has genome.fa.gz and reporter/, as for training/recipes/yeast_reporter.sh; MODEL is the
# shipped bundle. Two seeds of each, measured on the validation groups. An interrupted run goes on
# where it stopped when the same command is given again.
set -euo pipefail

# shellcheck source=../../training/recipes/yeast_promoters.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../training/recipes/yeast_promoters.sh"

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
  run profiles_pairs "$seed" --init model --init-member 1 --freeze-trunk \
    --reporter-pair-weight 0.5
done
for seed in 1 2; do
  run alone "$seed" --reporter-trunk-learning-rate-factor 1
done
for seed in 1 2; do
  run alone_pairs "$seed" --reporter-trunk-learning-rate-factor 1 --reporter-pair-weight 0.5
done
