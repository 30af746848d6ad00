#!/usr/bin/env bash
# libFuzzer on the readers of tokens, targets and upstream's answers, ten minutes each; only with --full
#
# FUZZ_SECONDS says how long instead. What is found new is merged into tests/fuzz/corpus, which cargo test reads again.
source tests/lib/suite.sh

if [[ -z $TEST_FULL ]]; then
    skip "fuzzing takes half an hour: tests/run fuzz --full (the quick suite reads its corpus again)"
    exit 0
fi
: "${FUZZ_SECONDS:=600}"
built="${CARGO_TARGET_DIR:-$PWD/target}"

build_targets() {
    RUSTC_WRAPPER="$PWD/tests/fuzz/rustc-with-coverage" \
        cargo build --locked --manifest-path tests/fuzz/Cargo.toml --target-dir "$built"
}

# fuzz TARGET LONGEST: new inputs are kept only where they reach new code.
fuzz() {
    local found="$SUITE_DIR/$1" kept="tests/fuzz/corpus/$1" program="$built/debug/$1" status
    mkdir -p "$found"
    nice "$program" "$found" "$kept" -max_total_time="$FUZZ_SECONDS" -max_len="$2" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$SUITE_DIR/$1-" -print_final_stats=1 2>"$SUITE_DIR/$1.log"
    status=$?
    tail -n 12 "$SUITE_DIR/$1.log"
    ((status == 0)) || { base64 "$SUITE_DIR/$1"-* && return 1; }
    nice "$program" -merge=1 "$kept" "$found" -max_len="$2" 2>&1 | tail -n 1
}

need "the targets build" build_targets
step "a token" fuzz token 4096
step "a target and its headers" fuzz target 1024
step "an answer of upstream's" fuzz answer 4096
