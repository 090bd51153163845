#!/usr/bin/env bash
# Trains dagn-small and the size above it, and times Table III, on a machine with a GPU, in one go.
#
#   benchmarks/gpu.sh prepare       # where there is a package index: wheels and photographs
#   benchmarks/gpu.sh               # on the machine: torch 2.11, torchvision 0.26, no index needed
#
# `prepare` fills benchmarks/gpu_files, which git ignores and which has to travel with the tree:
# wheels of what such a machine lacks (for Python $GPU_PYTHON, 3.12) and the middles of the
# photographs in $GPU_PHOTOGRAPHS. The run takes $GPU_SECONDS (450) at most and leaves in $OUT
# (results/gpu): weights and cards, a log a training, times.csv. Checkpoints, one a minute, stay in
# results/training/gpu; a training that time ran out for is ended at its last one.
set -uo pipefail
cd "$(dirname "$0")/.."
FILES=benchmarks/gpu_files
WRITING=25 # seconds in which a training that is ended writes and measures its weights
WHEELS="annotated-types lightning-fabric pydantic spandrel typing-inspection"

prepare() {
    mkdir -p "$FILES/wheels" && rm -f "$FILES"/wheels/*
    local platforms=()
    for version in 2_28 2_27 2_17; do platforms+=(--platform "manylinux_${version}_x86_64"); done
    local core
    python -m pip download -q --no-deps --only-binary=:all: --implementation cp \
        --python-version "${GPU_PYTHON:-3.12}" "${platforms[@]}" --platform manylinux2014_x86_64 \
        -d "$FILES/wheels" $WHEELS || return
    # pydantic names the one version of its core that it works with.
    core=$(unzip -p "$FILES"/wheels/pydantic-*.whl '*/METADATA' |
        sed -n 's/^Requires-Dist: \(pydantic-core==[0-9.]*\).*/\1/p')
    python -m pip download -q --no-deps --only-binary=:all: --implementation cp \
        --python-version "${GPU_PYTHON:-3.12}" "${platforms[@]}" --platform manylinux2014_x86_64 \
        -d "$FILES/wheels" "$core" || return
    rm -rf "$FILES/photographs" "$FILES/site"
    python benchmarks/gpu_recipe.py metadata "$FILES" || return
    # shellcheck disable=SC2086 # several folders
    python benchmarks/gpu_recipe.py photographs "$FILES/photographs" 208 \
        ${GPU_PHOTOGRAPHS:-../shared/data/cid22 ../shared/data/gb82} || return
    du -sh "$FILES"/*
    echo "to travel: $(($(git ls-files -z | du -cb --files0-from=- | tail -1 | cut -f1) / 1000000)) \
MB of the tree, $(($(du -sb "$FILES" | cut -f1) / 1000000)) MB of $FILES"
}

left() { echo $((BEGAN + ${GPU_SECONDS:-450} - $(date +%s))); }

harness() { python -c "from harness.cli.main import main; main()" "$@"; }

# train SIZE SECONDS: the weights and the card, in $OUT
train() {
    local run="results/training/gpu/dagn-$1" limit=$2
    local log="$OUT/dagn-$1.log" began
    began=$(date +%s)
    : >"$log"
    rm -rf "$run" "$run.yaml" && mkdir -p "$run"
    timeout -s INT -k 10 "$limit" \
        python benchmarks/gpu_recipe.py fit "${GPU_RECIPE:-configs/train/dagn-small.yaml}" "$run" \
        --size "$1" --seconds $((limit - WRITING)) --images "$FILES/photographs" \
        --batch "${GPU_BATCH:-64}" --loaders "${GPU_LOADERS:-8}" >>"$log" 2>&1
    tail -n 1 "$log"
    [ -f "$run.yaml" ] || return
    limit=$((limit - WRITING - ($(date +%s) - began)))
    timeout -s INT -k 10 $((limit > 1 ? limit : 1)) python -c \
        "from harness.cli.main import main; main()" train "$run.yaml" --output "$run" \
        >>"$log" 2>&1
    if [ ! -f "$run/dagn-$1.safetensors" ]; then
        python benchmarks/gpu_recipe.py end "$run" >>"$log" 2>&1 &&
            harness train "$run.yaml" --output "$run" >>"$log" 2>&1
    fi
    tail -n 3 "$log"
    cp "$run"/dagn-"$1".{safetensors,yaml} "$OUT/"
}

main() {
    BEGAN=$(date +%s)
    OUT=${OUT:-results/gpu}
    mkdir -p "$OUT"
    export PYTHONPATH="$PWD:$PWD/$FILES:${PYTHONPATH:-}"
    if ! python -c "import spandrel, pydantic, lightning_fabric" 2>/dev/null; then
        python -m pip install -q --no-index --no-deps --target "$FILES/site" "$FILES"/wheels/*.whl ||
            return
        export PYTHONPATH="$PWD/$FILES/site:$PYTHONPATH"
    fi
    local device=cpu
    python -c "import torch, sys; sys.exit(not torch.cuda.is_available())" && device=cuda
    timeout -s INT $(($(left) / 4)) python -c "from harness.cli.main import main; main()" cost \
        --device "$device" --size "${GPU_SIDE:-512}" --preset "${GPU_PRESET:-published}" \
        --budget "${GPU_BUDGET:-5}" --format csv >"$OUT/times.csv"
    cat "$OUT/times.csv"
    train small $(($(left) * 2 / 5))
    train medium "$(left)"
    ls -l "$OUT"
    echo "$(($(date +%s) - BEGAN)) s of ${GPU_SECONDS:-450}"
}

if [ "${1:-}" = prepare ]; then prepare; else main; fi
