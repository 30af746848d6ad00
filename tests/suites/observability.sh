#!/usr/bin/env bash
# two replicas, real Prometheus, Alertmanager and collector: what is told is the ledger, arrives, and costs nobody anything
#
# --full also draws every dashboard with Grafana's own front-end libraries in Chromium, into target/dashboards/.
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh

python="$CACHE/python-observability/bin/python"
export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib:$PWD/tests/deploy:$PWD/tests/observability" PYTHONDONTWRITEBYTECODE=1

prometheus_is_here() {
    debian_tool prometheus prometheus && debian_tool promtool prometheus &&
        debian_tool prometheus-alertmanager prometheus-alertmanager && debian_tool amtool prometheus-alertmanager
}

find_chromium() { debian_tool chromium chromium && CHROMIUM=$(command -v chromium) && export CHROMIUM; }

need "PostgreSQL 15 is here" postgres_is_here
need "Prometheus and Alertmanager are here" prometheus_is_here
need "Python's packages are here" python_env "$CACHE/python-observability" tests/observability/requirements.txt
if [[ -n $TEST_FULL ]]; then
    need "Grafana's libraries are here" node_packages "$CACHE/node-dashboards" tests/observability/renderer
    need "Chromium is here" find_chromium
    export HOSTILE_REQUESTS=100000 PACKAGES="$CACHE/node-dashboards" PICTURES="$PWD/${CARGO_TARGET_DIR:-target}/dashboards"
fi
need "everything builds" build_gateway
need "a PostgreSQL of our own runs" start_postgres

step "Alertmanager takes its configuration" amtool check-config deploy/alertmanager/alertmanager.yml
export HOSTILE_REQUESTS=${HOSTILE_REQUESTS:-20000}
step "what is told is true, arrives, and costs nobody anything" "$python" tests/observability/proof.py
