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
# The commands are kept in the bundle: from within the folder they name none of this machine.
cd "$out"
cp "$here/training/recipes/simulated_network.json" network.json

step() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# chr8 is for the evaluation only; chr7 chooses the epoch.
step basenji-train simulate --out simulation
step basenji-train data simulation/targets.tsv --fasta simulation/genome.fa --out store.zarr \
  --test chr8 --validation chr7
step basenji-train fit store.zarr --network network.json --out run \
  --epochs 30 --batch-size 8 --learning-rate 0.01 --averaging 0.98 --resolution 32
step basenji-train evaluate run --store store.zarr --genes simulation/genes.gtf --tss-flank 64 \
  --out evaluation.json
step basenji-train export run --evaluation evaluation.json --out model \
  --name simulation --assembly simulation --description 'A simulated genome of known grammar.'

# A stretch of the test chromosome, one bigWig a track.
printf 'chr8\t20000\t120000\n' >region.bed
step basenji predict --model model --fasta simulation/genome.fa --bed region.bed --out predictions

printf '\ndone in %d s, all in %s: open evaluation.html in a browser; model/MODEL_CARD.md has the
figures, predictions/ the tracks\n' "$SECONDS" "$out"
