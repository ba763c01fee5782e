#!/usr/bin/env bash
# A real Slurm on this machine, for tests/slurm: installs it where apt-get can, starts it, and waits until it answers.
# Needs root. Everything it writes lies in /etc/slurm, /var/spool/slurm*, /run and /var/log/slurm; stop.sh stops it.
set -euo pipefail

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends slurm-wlm munge
fi

host=$(hostname -s)
if [ -e /etc/slurm/slurm.conf ] && ! grep -q "^ClusterName=neptuner-test$" /etc/slurm/slurm.conf; then
    echo "there is a /etc/slurm/slurm.conf already, and it is not ours: left alone" >&2
    exit 1
fi
mkdir -p /etc/slurm /run/munge /var/spool/slurmd /var/spool/slurmctld /var/log/slurm
cat >/etc/slurm/slurm.conf <<CONF
ClusterName=neptuner-test
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
# a requeued job begins again after this many seconds, instead of 120
AuthInfo=cred_expire=10
SlurmUser=root
SlurmdUser=root
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerParameters=sched_interval=2,batch_sched_delay=0
KillWait=10
# several jobs at a time even where there are few processors
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

chown munge: /run/munge /etc/munge/munge.key
pgrep -x munged >/dev/null || su munge -s /bin/sh -c /usr/sbin/munged
pgrep -x slurmctld >/dev/null || slurmctld
pgrep -x slurmd >/dev/null || slurmd
for _ in $(seq 60); do
    if sinfo --noheader --format %T 2>/dev/null | grep -q -E "idle|mix|alloc"; then
        sinfo
        exit 0
    fi
    sleep 0.5
done
echo "Slurm does not answer; see /var/log/slurm" >&2
tail -n 20 /var/log/slurm/*.log >&2 || true
exit 1
