# Sourced in the folder of a run, where `yeast` leads to the data: makes the store of the profiles,
# `store.zarr`, if it is not there yet. $recipes is the folder of this file, however it was reached.
cp "$recipes/yeast_targets.tsv" targets.tsv
if [[ ! -e store.zarr ]]; then
  basenji-train data targets.tsv --data-dir yeast --fasta yeast/genome.fa.gz --bin 32 \
    --blacklist yeast/blacklist.bed --exclude chrM \
    --test chrIV,chrV,chrXI --validation chrXIII --name yeast --out store.zarr
fi
