#!/bin/bash
# One run in shards on one machine, JOBS at once, and its result:
#
#     SCENARIO=my-trial.toml TRIALS=10_000_000 OUT=runs/my-trial JOBS=8 bash xargs.sh
set -euo pipefail

SHARDS=${SHARDS:-50}
JOBS=${JOBS:-2}
SCENARIO=${SCENARIO:-my-trial.toml}
TRIALS=${TRIALS:-10_000_000}
OUT=${OUT:-runs/my-trial}

simulate warmup
seq 1 "$SHARDS" | xargs -P "$JOBS" -I SHARD \
    simulate run "$SCENARIO" --trials "$TRIALS" --out "$OUT" \
    --shard "SHARD/$SHARDS" --workers 1 --quiet
simulate show "$OUT" --quiet
