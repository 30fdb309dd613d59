#!/usr/bin/env bash
# The shipped model's reporter: a head that learned from measured promoter sequences.
#
#     BASENJI_DATA=FOLDER training/recipes/yeast_reporter.sh OUTPUT_FOLDER MODEL
#
# FOLDER/yeast has genome.fa.gz and reporter/; MODEL is the bundle of yeast.sh, whose tracks stay
# what they are. An interrupted run goes on where it stopped when the same command is given again.
# docs/results/yeast-model.md says how long it takes.
set -euo pipefail

# shellcheck source=yeast_promoters.sh
source "$(dirname "${BASH_SOURCE[0]}")/yeast_promoters.sh"
for member in 1 2; do
  basenji-train fit promoter --network model/architecture.json --init model \
    --init-member "$member" --freeze-trunk --epochs 6 --warmup-epochs 0.5 --weight-decay 0.01 \
    --seed "$member" --out "reporter$member" --resume
done
basenji-train evaluate-reporter reporter1 reporter2 --store promoter --split test \
  --predictions reporter_test.tsv --out reporter.json --overwrite
basenji-train add-reporter model reporter1 reporter2 --evaluation reporter.json --half \
  --out model_with_reporter --overwrite
