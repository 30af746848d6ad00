#!/usr/bin/env bash
# what a buy costs beyond ClickSend's time, as a ratio to this machine's own fdatasync; only with --full
source tests/lib/suite.sh

if [[ -z $TEST_FULL ]]; then
    skip "the cost of a buy needs the release build: tests/run buying --full"
    exit 0
fi
build_release() { cargo build --locked --release; }
# Noise only ever adds: a figure that holds once holds.
measure() {
    local try
    for try in 1 2 3; do
        python3 tests/bench/buying.py "${CARGO_TARGET_DIR:-target}/release/numbers-gateway" 400 && return 0
        echo "try $try was above what is allowed"
    done
    return 1
}

need "the release builds" build_release
step "what a buy costs beyond upstream has not grown" measure
