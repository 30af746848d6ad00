# What ClickSend's official SDKs, unmodified, do with a gateway: only base URL and key are changed.
# Sourced by suites that have one running: GATEWAY_URL, GATEWAY_TOKENS and SIMULATOR_URL are set.
# shellcheck shell=bash

find_offers() { OFFERS=$(python3 tests/sdk/offers.py); }

sdks_are_here() {
    python_env "$CACHE/python-sdk" tests/sdk/requirements.txt && node_packages "$CACHE/node-sdk" tests/sdk
}

sdk_steps() {
    local python="$CACHE/python-sdk/bin/python"
    # One listener between the SDKs and the gateway keeps every byte that was answered, for the last step.
    export ANSWERED="$SUITE_DIR/answered"
    export PYTHONPATH="$PWD/tests/lib:$PWD/tests/sdk" PYTHONDONTWRITEBYTECODE=1
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
}
