#!/usr/bin/env bash
# What an image holds: both commands and Snakemake, each in an environment of its lock, installed into a folder.
#
#     workflows/containers/install.sh PREFIX cpu|cuda
#
# PREFIX/bin has basenji, basenji-train and snakemake. With cuda, TensorFlow's libraries for GPUs come too.
# A job on Kubernetes begins with `python -m snakemake`: the python of PREFIX/workflows/bin.
set -euo pipefail

if (($# != 2)) || [[ $2 != cpu && $2 != cuda ]]; then
  echo "usage: $0 PREFIX cpu|cuda" >&2
  exit 2
fi
prefix=$1 variant=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case $variant in
  cpu) inference=requirements/modern.txt training=training/requirements.txt ;;
  cuda) inference=requirements/cuda.txt training=training/cuda.txt ;;
esac

# uv as the Makefile has it; an image needs it no more.
tools=$(mktemp -d)
# The environments share many packages: linked to one cache, an image holds their files once.
mkdir -p "$prefix/bin"
export UV_CACHE_DIR=$prefix/.cache UV_LINK_MODE=hardlink
trap 'rm -rf "$tools" "$UV_CACHE_DIR"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --no-cache-dir "uv==$(sed -n 's/^UV_VERSION := //p' Makefile)"
uv=$tools/bin/uv

environment() { # environment NAME COMMAND LOCK [PROJECT...]
  local home=$prefix/$1 name=$2 lock=$3
  shift 3
  "$uv" venv --quiet --python "$(command -v python3)" "$home"
  "$uv" pip sync --quiet --compile-bytecode --python "$home/bin/python" --require-hashes "$lock"
  if (($#)); then
    "$uv" pip install --quiet --python "$home/bin/python" --no-deps --no-build-isolation "$@"
  fi
  ln -s "$home/bin/$name" "$prefix/bin/$name"
}

environment inference basenji "$inference" .
environment training basenji-train "$training" . ./training
environment workflows snakemake requirements/workflows.txt
