#!/usr/bin/env bash
# Contributions to each factor's own binding at its motif's instances: from peaks to the figures.
#
#     BASENJI_DATA=FOLDER benchmarks/truth/bound_sites_own.sh OUTPUT_FOLDER MODEL
#
# FOLDER/yeast has genome.fa.gz, genes.gtf.gz, blacklist.bed and factor_peaks.tar.gz; MODEL is the
# shipped bundle. What is compared stands in bound_sites.py. An interrupted run goes on where it
# stopped when the same command is given again. docs/results/explanations.md says how long it takes.
set -euo pipefail

if (($# != 2)) || [[ -z ${BASENJI_DATA:-} ]]; then
  echo "usage: BASENJI_DATA=FOLDER $0 OUTPUT_FOLDER MODEL" >&2
  exit 2
fi
truth=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$truth/../.." && pwd)
data=$(cd "$BASENJI_DATA/yeast" && pwd)
model=$(cd "$2" && pwd)
PATH=$root/.venv-training/bin:$PATH
mkdir -p "$1/folds"
cd "$1"
# The commands are kept in the bundles: they name no folder of this machine.
ln -sfn "$data" yeast
ln -sfn "$model" model

if [[ ! -e tracks ]]; then
  "$root/.venv/bin/python" "$truth/factor_tracks.py" --data yeast --out tracks
fi

fold() { # fold NAME TEST VALIDATION
  if [[ -e folds/$1 ]]; then
    return
  fi
  if [[ ! -e $1.zarr ]]; then
    basenji-train data tracks/targets.tsv --fasta yeast/genome.fa.gz --bin 32 \
      --blacklist yeast/blacklist.bed --exclude chrM --test "$2" --validation "$3" \
      --name factors --out "$1.zarr"
  fi
  basenji-train fit "$1.zarr" --network model/architecture.json --init model --init-member 2 \
    --trunk-learning-rate-factor 0.3 --epochs 2 --warmup-epochs 0.3 --batch-size 2 \
    --learning-rate 0.005 --weight-decay 0.15 --averaging 0.98 --out "$1" --resume
  basenji-train evaluate "$1" --store "$1.zarr" --split validation --resolution 128 --both-strands \
    --out "$1.json" --overwrite
  basenji-train export "$1" --evaluation "$1.json" --out "folds/$1" \
    --name "yeast-factors-$1" --assembly sacCer3 \
    --description "Binding of factors in Saccharomyces cerevisiae (ChIP-exo peaks)."
}

# What the trunk's own training left out is left out together.
fold one chrIV,chrV,chrXI chrXIII
fold two chrII,chrVII,chrX,chrXV,chrXVI chrXIII
fold three chrI,chrIII,chrVI,chrVIII,chrIX,chrXII,chrXIII,chrXIV chrXVI

"$root/.venv/bin/python" "$truth/bound_sites.py" --data yeast --model model --binding folds \
  --out bound_sites.json --overwrite
