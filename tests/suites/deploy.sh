#!/usr/bin/env bash
# what is shipped beside the program: image, compose, systemd, Kubernetes, Prometheus, Grafana
source tests/lib/suite.sh
source tests/lib/fetch.sh

python="$CACHE/python-deploy/bin/python"
export PYTHONPATH="$PWD/tests/lib:$PWD/tests/deploy" PYTHONDONTWRITEBYTECODE=1

queries_are_promql() {
    "$python" -c 'import promql; print(promql.as_rules())' >"$SUITE_DIR/queries.yml" &&
        promtool check rules "$SUITE_DIR/queries.yml"
}

# As it stands, but for the certificate, which is made for this.
nginx_takes_its_example() {
    local folder="$SUITE_DIR/nginx"
    mkdir -p "$folder" &&
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=numbers.example.com \
            -keyout "$folder/numbers.example.com.key" -out "$folder/numbers.example.com.pem" 2>/dev/null &&
        sed "s|/etc/nginx/tls|$folder|" deploy/nginx/numbers-gateway.conf >"$folder/gateway.conf" &&
        printf 'pid %s/pid; events {} http { include %s/gateway.conf; }\n' "$folder" "$folder" >"$folder/nginx.conf" &&
        nginx -t -e "$folder/error.log" -c "$folder/nginx.conf"
}

need "Python's packages are here" python_env "$CACHE/python-deploy" tests/deploy/requirements.txt
need "promtool is here" debian_tool promtool prometheus

step "the files fit together" "$python" tests/deploy/stack.py
step "the page of metrics is what the catalogue says" "$python" tests/deploy/catalogue.py
step "the dashboards are what their modules say" "$python" -m boards
step "the dashboards keep the house rules" "$python" tests/deploy/dashboards.py
step "Prometheus takes its configuration" promtool check config deploy/prometheus/prometheus.yml
step "the dashboards' queries are PromQL" queries_are_promql
step "the rules keep promtool's rules" promtool check rules --lint=all --lint-fatal deploy/prometheus/rules/*.yaml
step "the objectives' rules are what their table says" "$python" tests/deploy/slo.py
step "every alert fires when it has to, and only then" "$python" tests/deploy/alerts.py "$SUITE_DIR/alerts"
step "an alert that said always or never would be noticed" "$python" tests/deploy/alerts.py "$SUITE_DIR/mutants" --mutants

need "everything builds" build_gateway
need "systemd-analyze is here" debian_tool systemd-analyze systemd
need "nginx is here" debian_tool nginx nginx-light
step "nginx takes its example" nginx_takes_its_example
step "the unit and the manifests are valid, closed, and agree with the program" \
    "$python" tests/deploy/platforms.py "$GATEWAY" "$SUITE_DIR"
step "the gateway takes the configuration of compose" "$GATEWAY" check-config --config deploy/gateway.toml
