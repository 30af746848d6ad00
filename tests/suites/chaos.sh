#!/usr/bin/env bash
# kill -9 at every step and at random moments, power cuts, a failing disk: the invariants after each; --full takes 1,500 cycles
#
# CHAOS_CYCLES says how many instead; CHAOS_SEED repeats a run.
source tests/lib/suite.sh

: "${CHAOS_CYCLES:=$([[ -n $TEST_FULL ]] && echo 1500 || echo 200)}"
export CHAOS_CYCLES

need "everything builds" build_gateway
step "the invariants hold at every named step and after $CHAOS_CYCLES bad ends" \
    cargo test --locked --test it -- chaos:: --nocapture
step "a disk that is full or fails loses nothing" cargo test --locked --test it -- disk::
