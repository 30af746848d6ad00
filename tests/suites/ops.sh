#!/usr/bin/env bash
# an operator's life: rolling restarts, reloading, backup and restore, few descriptors, little memory, full disk, no database, a soak
#
# ROLLING_ROUNDS, RELOAD_SECONDS, MEMORY_SEARCHES and SOAK_SECONDS say how much; --full takes 20, 60, 10,000 and half an hour.
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh

: "${ROLLING_ROUNDS:=$([[ -n $TEST_FULL ]] && echo 20 || echo 5)}"
: "${RELOAD_SECONDS:=$([[ -n $TEST_FULL ]] && echo 60 || echo 15)}"
: "${MEMORY_SEARCHES:=$([[ -n $TEST_FULL ]] && echo 10000 || echo 2000)}"
: "${SOAK_SECONDS:=$([[ -n $TEST_FULL ]] && echo 1800 || echo 60)}"
export ROLLING_ROUNDS RELOAD_SECONDS
export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib:$PWD/tests/ops" PYTHONDONTWRITEBYTECODE=1

# Those that are about one machine have their database in a file.
on_sqlite() { env -u GATEWAY_TEST_POSTGRES python3 "$@"; }

need "PostgreSQL 15 is here" postgres_is_here
need "everything builds" build_gateway
need "a PostgreSQL of our own runs" start_postgres

step "$ROLLING_ROUNDS times three replicas are restarted under load, and nobody notices" \
    cargo test --locked --test it -- replicas::rolling:: --nocapture
step "a configuration that changes every second for $RELOAD_SECONDS s fails no request" \
    cargo test --locked --test it -- reloading::a_file_that_changes_every_second_under_load --nocapture
step "PostgreSQL's own backup is restored, and what was bought since is found" python3 tests/ops/restore.py
step "a database that is away is waited for, and named where it stays away" python3 tests/ops/away.py
step "256 file descriptors are enough for who is served" on_sqlite tests/ops/descriptors.py
step "a full disk stops buying and nothing else, until there is space" on_sqlite tests/ops/disk.py
step "$MEMORY_SEARCHES different searches and a mixed load fit into 64 MiB" on_sqlite tests/ops/memory.py "$MEMORY_SEARCHES"
step "a mixed load with faults for $SOAK_SECONDS s leaves memory and descriptors flat, and the books right" \
    on_sqlite tests/ops/soak.py "$SOAK_SECONDS"
