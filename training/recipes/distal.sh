#!/usr/bin/env bash
# A simulated genome with distal elements: trains a network on it and measures what it found.
#
#     training/recipes/distal.sh OUTPUT_FOLDER
#
# Everything lands in the folder, which must not exist; elements.json has the figures.
set -euo pipefail

if (($# != 1)); then
  echo "usage: $0 OUTPUT_FOLDER" >&2
  exit 2
fi
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
PATH=$here/.venv-training/bin:$here/.venv/bin:$PATH

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

cp "$here/training/recipes/distal_network.json" network.json
step basenji-train simulate --out simulation --size 12000000 --elements 1000 --variants 100 --reporters 30
step basenji-train data simulation/targets.tsv --fasta simulation/genome.fa --out store.zarr \
  --bin 128 --test chr8 --validation chr7
# Promoters are learned first, which elements matter much later; chosen by starts, which tell it.
step basenji-train fit store.zarr --network network.json --out run --epochs 60 --batch-size 1 \
  --learning-rate 0.003 --averaging 0.995 --choose-by 'start_*' --patience 60
step basenji-train evaluate run --store store.zarr --out evaluation.json
step basenji-train export run --evaluation evaluation.json --out model \
  --name distal --assembly simulation --description 'A simulated genome with distal elements.'
step "$here/.venv/bin/python" "$here/benchmarks/truth/distal_elements.py" --model model \
  --simulation simulation --draws 2 --out elements.json
