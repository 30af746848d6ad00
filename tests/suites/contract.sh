#!/usr/bin/env bash
# the API document: schemathesis asks all it allows and forbids, as several roles; --full asks ten times as much
#
# CONTRACT_SEED repeats a run.
source tests/lib/suite.sh
source tests/lib/fetch.sh

home="$CACHE/python-contract"
export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib" PYTHONDONTWRITEBYTECODE=1
seconds=$([[ -n $TEST_FULL ]] && echo 3600 || echo 140)
cases=$([[ -n $TEST_FULL ]] && echo 10000 || echo 1000)

need "schemathesis is here" python_env "$home" tests/contract/requirements.txt
need "everything builds" build_gateway

step "no server error and no undocumented answer in $cases cases" \
    python3 tests/contract/run.py "$home/bin/schemathesis" "$seconds" "$cases"
