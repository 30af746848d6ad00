#!/usr/bin/env bash
# good requests of every route, bitten into and sent raw: no 5xx, no panic, no memory lost; --full for ten minutes
#
# MUTATIONS_SEED repeats a run.
source tests/lib/suite.sh

export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib:$PWD/tests/mutations" PYTHONDONTWRITEBYTECODE=1
seconds=$([[ -n $TEST_FULL ]] && echo 600 || echo 120)

need "everything builds" build_gateway
step "mutated requests for $seconds s" python3 tests/mutations/mutate.py "$seconds"
