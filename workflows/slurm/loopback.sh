#!/usr/bin/env bash
# A SLURM on this machine, to try workflows on: controller, node daemons, munge.
#
#     workflows/slurm/loopback.sh start FOLDER [NODES]    # as root; logs and state lie in the folder
#     workflows/slurm/loopback.sh stop FOLDER             # ends the daemons that start began
#
# Of several nodes, one by default, each has its share of the cores and of the memory.
#
# It needs Debian's packages slurm-wlm and munge, and writes /etc/slurm/slurm.conf: jobs do not
# inherit SLURM_CONF, so there is no other place. A file there that is not of this script stays.
set -euo pipefail

configuration=/etc/slurm/slurm.conf
mark='# Written by loopback.sh: a SLURM of this machine.'

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 2
}

wait_for() { # wait_for SECONDS COMMAND...
  local left=$1
  shift
  until "$@" >/dev/null 2>&1; do
    ((left-- > 0)) || fail "in vain waited for: $*; see the logs in $folder"
    sleep 1
  done
}

name_of() { # name_of NODE: from 1
  if ((nodes == 1)); then hostname; else printf '%s-%d' "$(hostname)" "$1"; fi
}

configure() {
  local host memory cores node
  host=$(hostname)
  # What the nodes have for jobs: the rest is the daemons' and the machine's.
  memory=$(awk -v nodes="$nodes" '/^MemTotal:/ {print int($2 / 1024 * 0.85 / nodes)}' /proc/meminfo)
  cores=$(($(nproc) / nodes))
  ((cores > 0)) || fail "$nodes nodes need as many cores"
  cat >"$configuration" <<CONFIGURATION
$mark
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Without cgroups: a job beyond its memory is found by looking every two seconds, and ended.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
# A job is known for so long after its end, which is how its state is learnt without accounting.
MinJobAge=600
ReturnToService=2
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONFIGURATION
  for ((node = 1; node <= nodes; node++)); do
    printf 'NodeName=%s NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=%d RealMemory=%d\n' \
      "$(name_of "$node")" "$host" $((6818 + nodes - node)) "$cores" "$memory" >>"$configuration"
  done
}

start() {
  local command node
  ((EUID == 0)) || fail 'a SLURM of its own needs root'
  for command in slurmctld slurmd sbatch munged; do
    command -v "$command" >/dev/null ||
      fail "there is no $command: apt-get install --no-install-recommends slurm-wlm munge"
  done
  if [[ -e $configuration ]] && ! grep -qF "$mark" "$configuration"; then
    fail "$configuration is of another SLURM, which stays as it is"
  fi
  mkdir -p "$folder/state" "$folder/spool" /etc/slurm
  configure
  if ! munge -n >/dev/null 2>&1; then
    install -d -o munge -g munge /run/munge
    runuser -u munge -- munged --pid-file=/run/munge/munged.pid
    cp /run/munge/munged.pid "$folder/munged.pid"
    wait_for 10 munge -n
  fi
  slurmctld
  for ((node = 1; node <= nodes; node++)); do
    mkdir -p "$folder/spool/$(name_of "$node")"
    slurmd -N "$(name_of "$node")"
  done
  wait_for 60 sinfo --noheader --states=idle --format=%P
  wait_for 60 bash -c '[[ $(sinfo --noheader --format=%T) == idle ]]'
  sinfo
}

stop() {
  local pid_file pid
  for pid_file in "$folder"/slurmd-*.pid "$folder"/{slurmctld,munged}.pid; do
    [[ -s $pid_file ]] || continue
    pid=$(<"$pid_file")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.2
    done
    rm -f "$pid_file"
  done
  if [[ -e $configuration ]] && grep -qF "$mark" "$configuration"; then
    rm "$configuration"
  fi
}

(($# == 2 || $# == 3)) || { echo "usage: $0 start|stop FOLDER [NODES]" >&2; exit 2; }
nodes=${3:-1}
[[ $nodes =~ ^[1-9][0-9]*$ ]] || fail "NODES: expected a number from 1 on, not $nodes"
mkdir -p "$2"
folder=$(cd "$2" && pwd)
case $1 in
  start) start ;;
  stop) stop ;;
  *) fail "$1: expected start or stop" ;;
esac
