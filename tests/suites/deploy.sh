#!/usr/bin/env bash
# what is shipped beside the program: image, compose, systemd, Kubernetes, Prometheus, Grafana
#
# --full also compiles in the image's build as the Dockerfile says.
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh

python="$CACHE/python-deploy/bin/python"
export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib:$PWD/tests/deploy" PYTHONDONTWRITEBYTECODE=1

queries_are_promql() {
    "$python" -c 'import promql; print(promql.as_rules())' >"$SUITE_DIR/queries.yml" &&
        promtool check rules "$SUITE_DIR/queries.yml"
}

# As they stand, but for the certificate, which is made for this.
nginx_takes_its_files() {
    local folder="$SUITE_DIR/nginx"
    mkdir -p "$folder" &&
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=numbers.example.com \
            -keyout "$folder/numbers.example.com.key" -out "$folder/numbers.example.com.pem" 2>/dev/null &&
        sed "s|/etc/nginx/tls|$folder|" deploy/nginx/numbers-gateway.conf >"$folder/gateway.conf" &&
        cp deploy/nginx/compose.conf "$folder/compose.conf" || return 1
    local file
    for file in gateway compose; do
        printf 'pid %s/pid; events {} http { include %s/%s.conf; }\n' "$folder" "$folder" "$file" >"$folder/nginx.conf"
        nginx -t -e "$folder/error.log" -c "$folder/nginx.conf" || return 1
    done
}

# What the example names of a container's secrets, put where this machine has them.
the_gateway_takes_the_replicas_configuration() {
    local secrets="$SUITE_DIR/secrets"
    mkdir -p "$secrets" && for name in clicksend-api-key database-password; do openssl rand -hex 24 >"$secrets/$name"; done
    sed "s|/run/secrets|$secrets|" config/examples/replicas.toml >"$SUITE_DIR/replicas.toml" &&
        GATEWAY__UPSTREAM__USERNAME=you "$GATEWAY" check-config --config "$SUITE_DIR/replicas.toml"
}

# Namespaces, layers over the root, an address of one's own: what an engine is made of.
can_be_an_engine() {
    ((EUID == 0)) && grep -q 'VERSION_ID="12"' /etc/os-release &&
        unshare --net --mount --pid --fork ip link add probe type bridge 2>/dev/null
}

can_boot_a_systemd() { ((EUID == 0)) && [[ -x /lib/systemd/systemd && -d /sys/fs/cgroup/systemd && -d /sys/fs/cgroup/unified ]]; }

images_and_containers() {
    local image="$SUITE_DIR/image" program=$GATEWAY
    [[ -z $TEST_FULL ]] || program=--compile
    mkdir -p "$SUITE_DIR/one" "$SUITE_DIR/replicas"
    step "the Dockerfile's steps make the image" "$python" tests/deploy/building.py "$program" "$image" || return
    step "the image is small and closed, and a gateway runs in it" \
        "$python" tests/deploy/image.py "$GATEWAY" "$image" "$SUITE_DIR/one"
    need "PostgreSQL 15 is here" postgres_is_here
    need "Prometheus is here" debian_tool prometheus prometheus
    step "three replicas run as compose.postgres.yaml says" \
        "$python" tests/deploy/cluster.py "$GATEWAY" "$image" "$SUITE_DIR/replicas"
}

need "Python's packages are here" python_env "$CACHE/python-deploy" tests/deploy/requirements.txt
need "promtool is here" debian_tool promtool prometheus

step "the files fit together" "$python" tests/deploy/stack.py
step "the page of metrics is what the catalogue says" "$python" tests/deploy/catalogue.py
step "the dashboards are what their modules say" "$python" -m boards
step "the dashboards keep the house rules" "$python" tests/deploy/dashboards.py
step "Prometheus takes its configurations" promtool check config deploy/prometheus/prometheus.yml deploy/prometheus/replicas.yml
step "the dashboards' queries are PromQL" queries_are_promql
step "the rules keep promtool's rules" promtool check rules --lint=all --lint-fatal deploy/prometheus/rules/*.yaml
step "the objectives' rules are what their table says" "$python" tests/deploy/slo.py
step "every alert fires when it has to, and only then" "$python" tests/deploy/alerts.py "$SUITE_DIR/alerts"
step "an alert that said always or never would be noticed" "$python" tests/deploy/alerts.py "$SUITE_DIR/mutants" --mutants

need "everything builds" build_gateway
need "systemd-analyze is here" debian_tool systemd-analyze systemd
need "nginx is here" debian_tool nginx nginx-light
step "nginx takes its files" nginx_takes_its_files
step "the unit and the manifests are valid, closed, and agree with the program" \
    "$python" tests/deploy/platforms.py "$GATEWAY" "$SUITE_DIR"
step "the gateway takes the configuration of compose" "$GATEWAY" check-config --config deploy/gateway.toml
step "the gateway takes the configuration of the replicas" the_gateway_takes_the_replicas_configuration
need "iproute2 is here" debian_tool ip iproute2
if can_boot_a_systemd; then
    mkdir "$SUITE_DIR/sandbox"
    step "a systemd runs the unit as it stands" "$python" tests/deploy/sandbox.py "$GATEWAY" "$SUITE_DIR/sandbox"
else
    skip "the unit under a real systemd: needs root, and cgroups in Debian 12's hybrid layout"
fi
if can_be_an_engine; then
    mkdir "$SUITE_DIR/paths"
    step "a newcomer's paths are as they are written" "$python" tests/deploy/paths.py "$GATEWAY" "$SUITE_DIR/paths"
    images_and_containers
else
    skip "a newcomer's paths, and the image built and running: need root and Debian 12"
fi
