#!/usr/bin/env bash
# the page for people in Debian's Chromium: a request bought, every page for every role, what other sites try; pictures
#
# Every page is photographed into target/console/. CONSOLE_PICTURE=deploy/pictures/console.png also makes the picture of the
# README anew; without it no file of the tree changes.
source tests/lib/suite.sh
source tests/lib/fetch.sh

python="$CACHE/python-console/bin/python"
export PYTHONPATH="$PWD/tests/lib:$PWD/tests/sdk:$PWD/tests/console" PYTHONDONTWRITEBYTECODE=1
export AXE="$CACHE/node-console/node_modules/axe-core/axe.min.js"
export PICTURES="${CARGO_TARGET_DIR:-target}/console"
# Playwright must neither ask for nor start a browser of its own.
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
find_chromium() { debian_tool chromium chromium && CHROMIUM=$(command -v chromium) && export CHROMIUM; }
empty_pictures() { rm -rf "$PICTURES" && mkdir -p "$PICTURES"; }

need "Chromium is here" find_chromium
need "Python's driver is here" python_env "$CACHE/python-console" tests/console/requirements.txt
need "axe is here" node_packages "$CACHE/node-console" tests/console
need "everything builds" build_gateway
need "the demo starts" start_demo
export GATEWAY_BINARY="$GATEWAY" DATA_DIR="$SUITE_DIR/data"
need "there is a place for pictures" empty_pictures

# First, while the demo's budget is as new.
[[ -z ${CONSOLE_PICTURE:-} ]] || step "the picture is made" "$python" tests/console/picture.py "$CONSOLE_PICTURE"
step "a number is asked for, decided and bought, with script and without" "$python" tests/console/flow.py
step "what another site tries is refused" "$python" tests/console/attacks.py
step "what people and upstream write is shown as text" "$python" tests/console/texts.py
step "every page is quiet, accessible and fits, for every role" "$python" tests/console/pages.py
step "signing out and expiry take the access away" "$python" tests/console/sessions.py
