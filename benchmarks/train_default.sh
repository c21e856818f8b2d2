#!/bin/sh
# Train the models that ship with BugFlow: the very command, from the repository root.
# Usage: benchmarks/train_default.sh OUT    (about 10 minutes on one core; needs the bug reports of BUGFLOW_BENCH_DATA)
set -eu
out=${1:?name a folder for the models}
data=${BUGFLOW_BENCH_DATA:-../shared/data}/bugs
export OMP_NUM_THREADS=1  # one thread: the order of additions, and so the bytes, stay the same
for task in severity team; do
    bugflow train --task "$task" --data "$data" --label-column "$task" --out "$out"
done
