#!/usr/bin/env bash
# Everything that a machine with a GPU should be asked once: verification in both precisions, benchmarks, real runs.
#
#   bench/gpu.sh [--device cuda|cpu] [--seconds N] [--updates N] [--seeds N] [--out FOLDER] [-- TRAIN_OPTION ...]
#
# Works in slices: each call does what is left for at most --seconds (default 540) and exits with 3 while something is
# left, with 0 when all is done and with 1 when it is and a step failed or outlasts a slice; call it again with the same
# FOLDER (default $OUT, else gpu-results) to go on. A training run stops at the end of a slice by SIGTERM, which leaves
# a checkpoint. $PYTHON names the interpreter that has veloq.
set -euo pipefail

began=$SECONDS device=cuda seconds=540 updates=1000000 seeds=8 out=${OUT:-gpu-results} extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=$2 ;;
    --seconds) seconds=$2 ;;
    --updates) updates=$2 ;;
    --seeds) seeds=$2 ;;
    --out) out=$2 ;;
    --) shift; extra=("$@"); break ;;
    *) echo "gpu.sh: unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
python=${PYTHON:-python}
veloq=("$python" -c "import sys; from veloq.command import main; sys.exit(main())")
work=${WORK:-$out/work}  # runs with their checkpoints; only small files are copied to $out
data=${VELOQ_DATA:-data}
mkdir -p "$out" "$work"
end=$((SECONDS + seconds))

within() { timeout --kill-after=30 "$((end - SECONDS))" "$@"; }
left() { [ $((end - SECONDS)) -gt "${1:-0}" ]; }
later() { echo "slice over during $1; call again to go on"; exit 3; }

# Run a step once and mark it done with its exit status. A step that was cut off runs again in the next slice, unless
# it had a slice nearly for itself: it will never fit, and the others are to have their turn.
once() {
  local name=$1 status=0 started=$SECONDS
  shift
  [ -e "$out/$name.done" ] && return
  left || later "$name"
  echo "== $name"
  within "$@" >"$out/$name.log" 2>&1 || status=$?
  case $status in
    124 | 137) [ $((started - began)) -le 10 ] || later "$name" ;;
  esac
  echo "exit $status" >"$out/$name.done"
}

# The task of the paper where its data is, else a maze whose data takes a minute to make.
if [ -e "$data/cube-single-play-v0.npz" ]; then
  task=cube-single-play-singletask-task2-v0
else
  task=pointmaze-medium-navigate-singletask-v0
  if [ ! -e "$data/pointmaze-medium-navigate-v0.npz" ]; then
    once data "${veloq[@]}" data make pointmaze-medium-navigate-v0 --transitions 300000 --data-directory "$data"
  fi
fi

if [ "$device" = cuda ]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv >"$out/device.csv"
  for precision in highest fast; do
    for backend in jax torch; do
      mkdir -p "$out/verify-$backend-$precision"
      once "verify-$backend-$precision" "$python" -m veloq.verification --backend "$backend" --device "$device" \
        --precision "$precision" --output "$out/verify-$backend-$precision"
      once "bench-$backend-$precision" "$python" -m veloq.bench --device "$device" --precision "$precision" \
        --output "$out/bench" -k "$backend or test_reference"
    done
  done
  once sections "$python" -m veloq.bench --device "$device" --output "$out/bench" \
    --scaling --mapped-rows 10000000 --evaluation --memory --compile
else
  # Enough to see the script at work; `nox -s verify` and `nox -s bench` are for CPUs.
  once bench "$python" -m veloq.bench --device cpu --output "$out/bench" -k "test_by_hand and flow_td_target"
fi

# The signal goes to the run alone: sent to the group it would arrive twice, and the second one interrupts at once.
stoppable() { timeout --foreground --kill-after=60 "$((end - SECONDS))" "$@"; }

# One method: from the start, or from the newest checkpoint of the run that $work/METHOD holds.
train() {
  local method=$1 run status=0
  [ -e "$out/$method.done" ] && return
  left || later "$method"
  echo "== $method"
  run=$(find "$work/$method" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | head -n 1) || true
  if [ -n "$run" ] && [ -n "$(ls "$run/checkpoints" 2>/dev/null)" ]; then
    stoppable "${veloq[@]}" train --resume "$run" --updates "$updates" >>"$out/$method.log" 2>&1 || status=$?
  else
    rm -rf "${work:?}/$method"
    stoppable "${veloq[@]}" train "$method" --env "$task" --preset paper --seeds "$seeds" --device "$device" \
      --updates "$updates" --directory "$work/$method" --data-directory "$data" "${extra[@]}" \
      >>"$out/$method.log" 2>&1 || status=$?
    run=$(find "$work/$method" -mindepth 1 -maxdepth 1 -type d | head -n 1)
  fi
  mkdir -p "$out/$method"
  cp "$run"/config.json "$run"/metrics.jsonl "$out/$method/"
  find "$run" -maxdepth 2 -name '*.png' -exec cp {} "$out/$method/" \;
  # 124 and 130: stopped at the end of the slice; anything else but 0 is a failure to look at.
  case $status in
    0) echo "exit 0" >"$out/$method.done" ;;
    124 | 130 | 137) later "$method" ;;
    *) tail -n 5 "$out/$method.log" >&2; exit 1 ;;
  esac
}

train qam
train fql
failed=$(grep -L '^exit 0$' "$out"/*.done || true)
if [ -n "$failed" ]; then
  for file in $failed; do echo "did not end well: $(basename "$file" .done), $(cat "$file") (124: longer than a slice)"; done
  exit 1
fi
echo "all done: $out"
