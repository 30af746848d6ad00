#!/usr/bin/env bash
# ClickSend's official SDKs, unmodified, against the gateway: only base URL and key are changed
#
# With GATEWAY_URL, GATEWAY_TOKENS (JSON, role to token) and SIMULATOR_URL set, against what is there already.
source tests/lib/suite.sh
source tests/lib/fetch.sh

python="$CACHE/python-sdk/bin/python"
# One listener between the SDKs and the gateway keeps every byte that was answered, for the last step.
export ANSWERED="$SUITE_DIR/answered"
export PYTHONPATH="$PWD/tests/lib:$PWD/tests/sdk" PYTHONDONTWRITEBYTECODE=1

find_offers() { OFFERS=$(python3 tests/sdk/offers.py); }

need "Python's SDK is here" python_env "$CACHE/python-sdk" tests/sdk/requirements.txt
need "Node's SDK is here" node_packages "$CACHE/node-sdk" tests/sdk
if [[ -z ${GATEWAY_URL:-} ]]; then
    need "everything builds" build_gateway
    need "the demo starts" start_demo
fi
need "the wiretap starts" start wiretap python3 tests/lib/wiretap.py "$GATEWAY_URL" "$ANSWERED"
export GATEWAY_URL="$READY"
need "there are numbers to buy" find_offers
export OFFERS

step "the Python SDK works" "$python" tests/sdk/python_sdk.py
step "the Node SDK works" env NODE_PATH="$CACHE/node-sdk/node_modules" \
    node --test --test-reporter=tap tests/sdk/node_sdk.test.js
step "what the other SDKs send is answered as they need it" python3 tests/sdk/raw_requests.py
step "the snippets change the base URL and the key only" \
    env NODE_PATH="$CACHE/node-sdk/node_modules" "$python" tests/sdk/snippets.py
step "nothing that was answered holds a secret" python3 tests/sdk/no_secret.py
