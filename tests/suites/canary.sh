#!/usr/bin/env bash
# random secrets are looked for in every byte that comes out: answers, logs, metrics, traces, notices, files, commands
source tests/lib/suite.sh

export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib:$PWD/tests/canary" PYTHONDONTWRITEBYTECODE=1

need "everything builds" build_gateway
step "no secret comes out of the gateway" python3 tests/canary/canary.py
