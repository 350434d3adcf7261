#!/bin/bash
# One run as a Slurm array, a shard a task:
#
#     sbatch slurm-array.sh
#
# SHARDS is the last number of --array, also when only some tasks are submitted again.
#SBATCH --job-name=simulate
#SBATCH --array=1-50
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --output=simulate-%A-%a.log
set -euo pipefail

SHARDS=50
SCENARIO=${SCENARIO:-my-trial.toml}
TRIALS=${TRIALS:-100_000_000}
OUT=${OUT:-runs/my-trial}

# The shell becomes simulate, so that signals reach it.
exec simulate run "$SCENARIO" --trials "$TRIALS" --out "$OUT" \
    --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --workers "${SLURM_CPUS_PER_TASK:-1}"
