#!/usr/bin/env bash
# What profiles, reporters, both at once and the loss on pairs contribute.
#
#     BASENJI_DATA=FOLDER benchmarks/truth/reporter_ablation.sh OUTPUT_FOLDER MODEL [RUNS]
#
# FOLDER/yeast is as for training/recipes/yeast.sh and yeast_reporter.sh; MODEL is the shipped
# bundle; RUNS is a pattern of the runs that are wanted, such as 'both*' or 'alone_1', otherwise
# all. Two seeds of each, measured on what validates: groups of sequences, chrXIII. An interrupted
# run goes on where it stopped when the same command is given again.
set -euo pipefail

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../training/recipes" && pwd)
wanted=${3:-*}
# shellcheck source=../../training/recipes/yeast_promoters.sh
source "$recipes/yeast_promoters.sh" "${@:1:2}"
# shellcheck source=../../training/recipes/yeast_profiles.sh
source "$recipes/yeast_profiles.sh"

run() { # run NAME SEED STORES OPTIONS...
  local out=$1_$2 seed=$2 stores
  read -ra stores <<<"$3"
  shift 3
  # shellcheck disable=SC2053 # it is a pattern
  [[ $out == $wanted ]] || return 0
  basenji-train fit "${stores[@]}" --network model/architecture.json --epochs 6 \
    --warmup-epochs 0.5 --weight-decay 0.01 --seed "$seed" --out "$out" --resume "$@"
  if [[ " ${stores[*]} " == *" promoter "* ]]; then
    basenji-train evaluate-reporter "$out" --store promoter --split validation \
      --out "$out.json" --overwrite
  fi
  if [[ " ${stores[*]} " == *" store.zarr "* ]]; then
    basenji-train evaluate "$out" --store store.zarr --split validation --both-strands \
      --out "$out.profiles.json" --overwrite
  fi
}

learned=(--init model --init-member 1)
pairs=(--reporter-pair-weight 0.5)
# A trunk from random weights learns at the rate of the heads.
from_random=(--reporter-trunk-learning-rate-factor 1)
# Half of the genome an epoch, from anywhere: as much of it as six epochs have time for on one core.
half=(--stride 28672 --jitter 14336 --shift 12 --choose-by 'atac,stripe_*,tif_*')
slow=(--trunk-learning-rate-factor 0.2)

for seed in 1 2; do
  run profiles "$seed" promoter "${learned[@]}" --freeze-trunk
  run profiles_pairs "$seed" promoter "${learned[@]}" --freeze-trunk "${pairs[@]}"
done
for seed in 1 2; do
  run alone "$seed" promoter "${from_random[@]}"
done
for seed in 1 2; do
  run alone_pairs "$seed" promoter "${from_random[@]}" "${pairs[@]}"
done

for seed in 1 2; do
  run tracks "$seed" store.zarr "${half[@]}"
  run both "$seed" "store.zarr promoter" "${half[@]}" "${from_random[@]}"
  run both_learned "$seed" "store.zarr promoter" "${half[@]}" "${learned[@]}" "${slow[@]}"
done
run tracks_learned 1 store.zarr "${half[@]}" "${learned[@]}" "${slow[@]}"
for seed in 1 2; do
  run both_pairs "$seed" "store.zarr promoter" "${half[@]}" "${from_random[@]}" "${pairs[@]}"
done
