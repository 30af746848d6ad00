#!/usr/bin/env bash
# kill -9 at every step and at random moments, power cuts, a failing disk; replicas and their PostgreSQL killed, paused, cut off: the invariants after each; --full takes 1,500 and 600 cycles
#
# CHAOS_CYCLES and CHAOS_REPLICA_CYCLES say how many instead; CHAOS_SEED repeats a run.
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh

: "${CHAOS_CYCLES:=$([[ -n $TEST_FULL ]] && echo 1500 || echo 200)}"
: "${CHAOS_REPLICA_CYCLES:=$([[ -n $TEST_FULL ]] && echo 600 || echo 60)}"
export CHAOS_CYCLES CHAOS_REPLICA_CYCLES

need "everything builds" build_gateway
step "the invariants hold at every named step and after $CHAOS_CYCLES bad ends" \
    cargo test --locked --test it -- chaos:: --skip=replicas:: --nocapture
step "a disk that is full or fails loses nothing" cargo test --locked --test it -- disk::
need "PostgreSQL 15 is here" postgres_is_here
step "the invariants hold after $CHAOS_REPLICA_CYCLES disasters of three replicas and their PostgreSQL" \
    cargo test --locked --test it -- replicas::chaos:: --nocapture
