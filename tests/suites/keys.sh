#!/usr/bin/env bash
# whether tokens that name unknown keys slow down users whose keys are known, as a ratio; only with --full
source tests/lib/suite.sh

if [[ -z $TEST_FULL ]]; then
    skip "the p99 under random kids needs the release build: tests/run keys --full"
    exit 0
fi
build_release() { cargo build --locked --release; }
# Noise only ever adds: a figure that holds once holds.
measure() {
    local try
    for try in 1 2 3; do
        python3 tests/bench/keys.py "${CARGO_TARGET_DIR:-target}/release/numbers-gateway" && return 0
        echo "try $try was above what is allowed"
    done
    return 1
}

need "the release builds" build_release
step "10,000 tokens a minute with random kids: two fetches, no difference for others" measure
