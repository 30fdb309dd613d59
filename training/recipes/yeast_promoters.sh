# Sourced by what trains on promoters of yeast: goes into the folder $1, links the model $2 and the
# data of BASENJI_DATA there, and makes the store `promoter` if it is not there yet. The commands are
# kept in bundles, so that they name no folder of this machine.
if (($# != 2)) || [[ -z ${BASENJI_DATA:-} ]]; then
  echo "usage: BASENJI_DATA=FOLDER $0 OUTPUT_FOLDER MODEL" >&2
  exit 2
fi
data=$(cd "$BASENJI_DATA/yeast" && pwd)
model=$(cd "$2" && pwd)
mkdir -p "$1"
cd "$1"
ln -sfn "$data" yeast
ln -sfn "$model" model

if [[ ! -e promoter ]]; then
  basenji-train reporters rich=yeast/reporter/sequences.tsv.gz \
    defined=yeast/reporter/sequences_defined_medium.tsv.gz --weight cells --weight-kind counts \
    --context yeast/reporter/plasmid.json --pairs yeast/reporter/snv_pairs.tsv.gz \
    --fasta yeast/genome.fa.gz --test-contigs chrIV,chrV,chrXI --validation-contigs chrXIII \
    --out promoter
fi
