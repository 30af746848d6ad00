#!/usr/bin/env bash
# notices: asked by the SDK, told to a webhook, approved in a terminal, bought by the same call
source tests/lib/suite.sh
source tests/lib/fetch.sh

python="$CACHE/python-notices/bin/python"
export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib:$PWD/tests/notices" PYTHONDONTWRITEBYTECODE=1

need "Python's packages are here" python_env "$CACHE/python-notices" tests/notices/requirements.txt
need "everything builds" build_gateway

step "from the SDK's call to the webhook, the terminal and back" "$python" tests/notices/story.py
