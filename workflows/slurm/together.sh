#!/usr/bin/env bash
# Trains a run on several hosts together, by JAX.
#
#     workflows/slurm/together.sh HOSTS basenji-train fit STORE --out RUN ...
#
# In a SLURM job of as many tasks, srun starts a process a task, on whatever hosts they are; elsewhere
# they are processes of this machine. Where one ends badly, so do the others: a second call with
# --resume goes on from the last checkpoint, with any number of hosts that divides the batch.
set -euo pipefail

if (($# < 2)); then
  echo "usage: $0 HOSTS COMMAND..." >&2
  exit 2
fi
hosts=$1
shift
export KERAS_BACKEND=jax

# Of the job's own variables Snakemake leaves its number alone.
tasks=0
if [[ -n ${SLURM_JOB_ID:-} ]] && command -v squeue >/dev/null; then
  tasks=$(squeue --jobs "$SLURM_JOB_ID" --noheader --Format NumTasks | tr -d ' ')
fi
if ((tasks == hosts)); then
  nodes=$(squeue --jobs "$SLURM_JOB_ID" --noheader --format %N)
  # A node's name is SLURM's own; where it is reached is its address.
  node=$(scontrol show hostnames "$nodes" | head -n 1)
  host=$(scontrol --oneliner show node "$node" | sed -n 's/.* NodeAddr=\([^ ]*\).*/\1/p')
  # Jobs that share a host have ports of their own.
  port=$((20000 + SLURM_JOB_ID % 20000))
  # The number of the process is known to the task alone.
  exec srun --ntasks="$hosts" --kill-on-bad-exit=1 bash -c 'exec "$@" --process "$SLURM_PROCID"' \
    bash "$@" --coordinator "$host:$port" --processes "$hosts"
fi

port=$((20000 + $$ % 20000))
processes=()
end() {
  ((${#processes[@]} == 0)) || kill "${processes[@]}" 2>/dev/null || true
  wait
}
trap end EXIT
for ((process = 0; process < hosts; process++)); do
  "$@" --coordinator "127.0.0.1:$port" --processes "$hosts" --process "$process" &
  processes+=($!)
done
for ((process = 0; process < hosts; process++)); do
  wait -n
done
