#!/usr/bin/env bash
# whether a dependency that hangs, or 500 slow clients, slow down cached searches, as ratios; only with --full
source tests/lib/suite.sh

if [[ -z $TEST_FULL ]]; then
    skip "the p99 while something hangs needs the release build: tests/run hanging --full (deadlines: cargo test)"
    exit 0
fi
build_release() { cargo build --locked --release; }

need "the release builds" build_release
step "upstream, issuer, collector, webhook, log, database and 500 slow clients hang: others do not notice" \
    python3 tests/bench/hanging.py "${CARGO_TARGET_DIR:-target}/release/numbers-gateway"
