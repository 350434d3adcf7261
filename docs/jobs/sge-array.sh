#!/bin/bash
# One run as an array of Grid Engine, a shard a task:
#
#     qsub sge-array.sh
#
# SHARDS is the last number of -t, also when only some tasks are submitted again.
#$ -N simulate
#$ -S /bin/bash
#$ -cwd
#$ -V
#$ -t 1-50
#$ -l h_rt=01:00:00
#$ -l h_vmem=4G
#$ -r y
#$ -j y
set -euo pipefail

SHARDS=50
SCENARIO=${SCENARIO:-my-trial.toml}
TRIALS=${TRIALS:-100_000_000}
OUT=${OUT:-runs/my-trial}

# The shell becomes simulate, so that signals reach it.
exec simulate run "$SCENARIO" --trials "$TRIALS" --out "$OUT" \
    --shard "$SGE_TASK_ID/$SHARDS" --workers "${NSLOTS:-1}"
