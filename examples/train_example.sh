#!/usr/bin/env bash
# The whole way on a simulated genome: genome, store, training, evaluation, bundle, predictions.
#
#     examples/train_example.sh OUTPUT_FOLDER
#
# Everything lands in the folder, which must not exist: outputs are never replaced silently.
set -euo pipefail

if (($# != 1)); then
  echo "usage: $0 OUTPUT_FOLDER" >&2
  exit 2
fi
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
PATH=$here/.venv-training/bin:$here/.venv/bin:$PATH

if [[ -e $out ]]; then
  echo "error: $out exists already: remove it or name another folder" >&2
  exit 2
fi
mkdir -p "$out"

step() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# chr8 is for the evaluation only; chr7 chooses the epoch.
step basenji-train simulate --out "$out/simulation"
step basenji-train data "$out/simulation/targets.tsv" --fasta "$out/simulation/genome.fa" \
  --test chr8 --validation chr7 --out "$out/store.zarr"
step basenji-train fit "$out/store.zarr" --network small --epochs 12 --out "$out/run"
step basenji-train evaluate "$out/run" --store "$out/store.zarr" --out "$out/evaluation.json"
step basenji-train export "$out/run" --evaluation "$out/evaluation.json" --out "$out/model" \
  --name simulation --assembly simulation --description "A simulated genome of known grammar."

# A stretch of the test chromosome, one bigWig a track.
printf 'chr8\t20000\t120000\n' >"$out/region.bed"
step basenji predict --model "$out/model" --fasta "$out/simulation/genome.fa" \
  --bed "$out/region.bed" --out "$out/predictions"

printf '\ndone in %d s: model in %s/model, figures in %s/model/MODEL_CARD.md, tracks in %s/predictions\n' \
  "$SECONDS" "$out" "$out" "$out"
