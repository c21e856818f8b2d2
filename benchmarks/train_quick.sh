#!/bin/sh
# Phase 1 of the requirements document (3.2): fine-tune an encoder on 10,000 texts labelled by its keyword rules, 2 epochs.
# Usage: benchmarks/train_quick.sh BASE OUT [RATE]    (BASE: Hugging Face name or folder; RATE: learning rate, else 3e-5)
# An hour and a half on two cores; needs the extra `train` and the bug reports of BUGFLOW_BENCH_DATA. Killed, the same
# call goes on.
set -eu
base=${1:?name an encoder}
out=${2:?name a folder for the models}
rate=${3:-3e-5}
data=${BUGFLOW_BENCH_DATA:-../shared/data}/bugs
mkdir -p "$out"
[ -e "$out/texts" ] || bugflow data prepare "$data"/*.parquet "$out/texts" --labels keywords --sample 20000
for task in severity team; do
    [ -e "$out/$task-1" ] && continue
    bugflow train --task "$task" --data "$out/texts" --label-column "$task" --recipe distilbert-quick --base "$base" \
        --learning-rate "$rate" --out "$out"
done
