#!/usr/bin/env bash
# ClickSend's official SDKs, unmodified, against the gateway: only base URL and key are changed
#
# With GATEWAY_URL, GATEWAY_TOKENS (JSON, role to token) and SIMULATOR_URL set, against what is there already.
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/sdk/steps.sh

need "the SDKs are here" sdks_are_here
if [[ -z ${GATEWAY_URL:-} ]]; then
    need "everything builds" build_gateway
    need "the demo starts" start_demo
fi
sdk_steps
