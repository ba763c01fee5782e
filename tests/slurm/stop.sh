#!/usr/bin/env bash
# Stops what start.sh started, by the pid files: when the jobs have ended, first the node, then the rest.
set -u
scancel --user "$(id -un)" 2>/dev/null
for _ in $(seq 60); do
    [ -z "$(squeue --noheader 2>/dev/null)" ] && break
    sleep 0.5
done
for file in /run/slurmd.pid /run/slurmctld.pid /run/munge/munged.pid; do
    [ -s "$file" ] || continue
    process=$(cat "$file")
    kill "$process" 2>/dev/null
    for _ in $(seq 60); do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.5
    done
done
exit 0
