#!/usr/bin/env bash
# The shipped model from the yeast data: store, training, evaluation, bundle.
#
#     BASENJI_DATA=FOLDER training/recipes/yeast.sh OUTPUT_FOLDER
#
# FOLDER/yeast has genome.fa.gz, genes.gtf.gz, blacklist.bed and tracks/. An interrupted run goes
# on where it stopped when the same command is given again. docs/results/yeast-model.md says how long it
# takes.
set -euo pipefail

if (($# != 1)) || [[ -z ${BASENJI_DATA:-} ]]; then
  echo "usage: BASENJI_DATA=FOLDER $0 OUTPUT_FOLDER" >&2
  exit 2
fi
recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=$(cd "$BASENJI_DATA/yeast" && pwd)
mkdir -p "$1"
cd "$1"
# The commands are kept in the bundle: they name no folder of this machine.
ln -sfn "$data" yeast
cp "$recipes/yeast_replicates.tsv" replicates.tsv
cp "$recipes/yeast_network.json" network.json

# The second network differs in that it forgets more while it trains.
sed 's/{"op": "dropout", "rate": [0-9.]*}/{"op": "dropout", "rate": 0.3}/g' network.json > drop.json

# shellcheck source=yeast_profiles.sh
source "$recipes/yeast_profiles.sh"
basenji-train fit store.zarr --network network.json --batch-size 8 --learning-rate 0.005 \
  --patience 14 --shift 12 --weight-decay 0.15 --out w15 --resume \
  --choose-by 'atac,stripe_*,tif_*' --epochs 110 --dtype bfloat16
basenji-train fit store.zarr --network drop.json --batch-size 8 --learning-rate 0.005 \
  --patience 14 --shift 12 --weight-decay 0.15 --substitution-rate 0.03 --out drop_w15_s03 --resume \
  --choose-by 'atac,stripe_*,tif_*' --epochs 110 --dtype bfloat16
basenji-train evaluate w15 drop_w15_s03 --store store.zarr --split test --resolution 128 \
  --both-strands --genes yeast/genes.gtf.gz --replicates replicates.tsv --data-dir yeast \
  --contrast stripe_diamide_plus,stripe_wt_plus --contrast tif_tss_gal_plus,tif_tss_ypd_plus \
  --out evaluation.json --overwrite
basenji-train export w15 drop_w15_s03 --half --evaluation evaluation.json --out model --overwrite \
  --name basenji-yeast --assembly sacCer3 --description "Accessibility (ATAC-seq), transcription \
starts (STRIPE-seq, TIF-seq) and ends (TIF-seq) of Saccharomyces cerevisiae in several conditions, \
and five tracks (Pol II, MNase, Scc1, RNA) that were measured on chrII, chrIV and chrXVI only and \
are masked elsewhere."
