#!/usr/bin/env bash
# idle memory and start time of the released program: figures, no verdict; only with --full
source tests/lib/suite.sh

if [[ -z $TEST_FULL ]]; then
    skip "idle memory and start time need the release build: tests/run footprint --full"
    exit 0
fi
build_release() { cargo build --locked --release; }

need "the release builds" build_release
step "the footprint is measured" python3 tests/bench/footprint.py "${CARGO_TARGET_DIR:-target}/release/numbers-gateway"
