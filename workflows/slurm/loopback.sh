#!/usr/bin/env bash
# A SLURM of one node on this machine, to try workflows on: controller, node daemon, munge.
#
#     workflows/slurm/loopback.sh start FOLDER    # as root; logs and state lie in the folder
#     workflows/slurm/loopback.sh stop FOLDER     # ends the daemons that start began
#
# It needs Debian's packages slurm-wlm and munge, and writes /etc/slurm/slurm.conf: jobs do not
# inherit SLURM_CONF, so there is no other place. A file there that is not of this script stays.
set -euo pipefail

configuration=/etc/slurm/slurm.conf
mark='# Written by loopback.sh: a SLURM of one node.'

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

configure() {
  local host memory
  host=$(hostname)
  # What the node has for jobs: the rest is the daemons' and the machine's.
  memory=$(awk '/^MemTotal:/ {print int($2 / 1024 * 0.85)}' /proc/meminfo)
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
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONFIGURATION
}

start() {
  local command
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
  slurmd
  wait_for 60 sinfo --noheader --states=idle --format=%P
  wait_for 60 bash -c '[[ $(sinfo --noheader --format=%T) == idle ]]'
  sinfo
}

stop() {
  local pid_file pid
  for pid_file in "$folder"/{slurmd,slurmctld,munged}.pid; do
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

(($# == 2)) || { echo "usage: $0 start|stop FOLDER" >&2; exit 2; }
mkdir -p "$2"
folder=$(cd "$2" && pwd)
case $1 in
  start) start ;;
  stop) stop ;;
  *) fail "$1: expected start or stop" ;;
esac
