#!/usr/bin/env bash
# how many purchases a second, beside pgbench and a loop over rusqlite with the same statements; only with --full
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh

if [[ -z $TEST_FULL ]]; then
    skip "purchases a second need the release build: tests/run purchases --full"
    exit 0
fi
RELEASE="${CARGO_TARGET_DIR:-target}/release"
build_release() { cargo build --locked --release --bin numbers-gateway --example purchases; }
on_disk() { start_postgres "${TMPDIR:-/var/tmp}"; }
# Noise only ever takes: a figure that holds once holds.
measure() {
    local try
    for try in 1 2 3; do
        PATH="$PG_BIN:$PATH" python3 tests/bench/purchases.py "$RELEASE/numbers-gateway" "$RELEASE/examples/purchases" && return 0
        echo "try $try was below what is wanted"
        for database in written_down gateway tool; do
            "$PG_BIN/psql" -q "$GATEWAY_TEST_POSTGRES/postgres" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
        done
    done
    return 1
}

need "PostgreSQL 15 is here" postgres_is_here
need "the release builds" build_release
need "a PostgreSQL on a disk runs" on_disk
step "the gateway makes 60 % of what the engines' own tools make" measure
