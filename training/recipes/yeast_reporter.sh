#!/usr/bin/env bash
# The shipped model's reporter: a head that learned from measured promoter sequences.
#
#     BASENJI_DATA=FOLDER training/recipes/yeast_reporter.sh OUTPUT_FOLDER MODEL
#
# FOLDER/yeast has genome.fa.gz and reporter/; MODEL is the bundle of yeast.sh, whose tracks stay
# what they are. An interrupted run goes on where it stopped when the same command is given again.
# docs/results/yeast-model.md says how long it takes.
set -euo pipefail

if (($# != 2)) || [[ -z ${BASENJI_DATA:-} ]]; then
  echo "usage: BASENJI_DATA=FOLDER $0 OUTPUT_FOLDER MODEL" >&2
  exit 2
fi
data=$(cd "$BASENJI_DATA/yeast" && pwd)
model=$(cd "$2" && pwd)
mkdir -p "$1"
cd "$1"
# The commands are kept in the bundle: they name no folder of this machine.
ln -sfn "$data" yeast
ln -sfn "$model" model

if [[ ! -e promoter ]]; then
  basenji-train reporters rich=yeast/reporter/sequences.tsv.gz \
    defined=yeast/reporter/sequences_defined_medium.tsv.gz --weight cells --weight-kind counts \
    --context yeast/reporter/plasmid.json --pairs yeast/reporter/snv_pairs.tsv.gz \
    --fasta yeast/genome.fa.gz --test-contigs chrIV,chrV,chrXI --validation-contigs chrXIII \
    --out promoter
fi
for member in 1 2; do
  basenji-train fit promoter --network model/architecture.json --init model \
    --init-member "$member" --freeze-trunk --epochs 6 --warmup-epochs 0.5 --weight-decay 0.01 \
    --seed "$member" --out "reporter$member" --resume
done
basenji-train evaluate-reporter reporter1 reporter2 --store promoter --split test \
  --predictions reporter_test.tsv --out reporter.json --overwrite
basenji-train add-reporter model reporter1 reporter2 --evaluation reporter.json --half \
  --out model_with_reporter --overwrite
