"""The files of deploy/ and the Dockerfile fit together: what one names, another has."""

import json
import re
import tomllib
from pathlib import Path

import compose_spec
import yaml

import dockerfile
from checks import check, run

DEPLOY = Path("deploy")
IMAGE = dockerfile.stages()[-1]


def read(path: str):
    return yaml.safe_load((DEPLOY / path).read_text())


def merged(below: dict, above: dict) -> dict:
    """A service as Compose makes it of the one that it extends."""
    both = {**below, **above}
    both["volumes"] = [*below.get("volumes", []), *above.get("volumes", [])]
    return both


class Stack:
    """A compose file, with what its services extend."""

    def __init__(self, path: str):
        self.path, self.text = path, read(path)
        self.services = {name: self._whole(service) for name, service in self.text["services"].items()}
        # By the image that they run.
        self.gateways = {name: one for name, one in self.services.items() if one["image"] == "numbers-gateway:local"}

    def _whole(self, service: dict) -> dict:
        if "extends" not in service:
            return service
        origin = service["extends"]
        return merged(read(origin["file"])["services"][origin["service"]], service)

    def mounts(self, service: str) -> dict[str, str]:
        """Where a service sees which volume or path of deploy/; the last one at a place hides the others."""
        pairs = (mount.split(":") for mount in self.services[service].get("volumes", []))
        return {target: source for source, target, *_ in pairs}

    def environment(self, gateway: str) -> dict[str, str]:
        return {**dockerfile.environment(), **self.gateways[gateway]["environment"]}


ONE, REPLICAS = Stack("compose.yaml"), Stack("compose.postgres.yaml")
STACKS = [ONE, REPLICAS]
DATASOURCES = read("grafana/provisioning/datasources/numbers-gateway.yaml")["datasources"]
PROVIDERS = read("grafana/provisioning/dashboards/numbers-gateway.yaml")["providers"]
# Which Prometheus file scrapes which stack.
SCRAPES = {"compose.yaml": "prometheus/prometheus.yml", "compose.postgres.yaml": "prometheus/replicas.yml"}
EXAMPLE = tomllib.loads(Path("config/examples/replicas.toml").read_text())


def every_service():
    return [(stack, name, service) for stack in STACKS for name, service in stack.services.items()]


@check
def every_yaml_file_is_yaml():
    files = [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")]
    assert len(files) >= 4, files
    for file in files:
        documents = list(yaml.safe_load_all(file.read_text()))
        assert documents and all(documents), f"{file} is empty, or a part of it"


@check
def the_compose_files_have_the_fields_and_values_that_compose_knows():
    for stack in STACKS:
        compose_spec.PyCompose.from_json(json.dumps(stack.text))
    wrong = {**ONE.text, "services": {"gateway": {"image": "x", "cap_drp": ["ALL"]}}}
    try:
        compose_spec.PyCompose.from_json(json.dumps(wrong))
    except ValueError:
        return
    raise AssertionError("it takes anything")


@check
def every_image_has_a_version_and_every_service_is_closed_comes_back_and_keeps_little_log():
    for _, name, service in every_service():
        assert re.search(r":(v?\d+(\.\d+){1,2}|local)$", service["image"]), f"{name}: {service['image']}"
        assert service["restart"] == "unless-stopped" and service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True and service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name


@check
def every_service_says_how_it_is_but_the_one_that_cannot():
    silent = {name for _, name, service in every_service() if "healthcheck" not in service and "build" not in service}
    assert silent == {"collector"} and IMAGE.all("HEALTHCHECK"), silent
    for stack, name, service in every_service():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in stack.services and how == {"condition": "service_healthy"}, f"{name} waits for {needed}"


@check
def nothing_is_published_beyond_this_machine():
    for _, name, service in every_service():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"
    published = {port.rsplit(":", 1)[1] for port in ONE.services["gateway"]["ports"]}
    assert published == {"8080"}, "the operators' listener is not for the outside"
    assert not any("ports" in gateway for gateway in REPLICAS.gateways.values()), "a way past nginx"
    assert "ports" not in REPLICAS.services["postgres"] and REPLICAS.services["postgres"]["networks"] == ["database"]
    assert REPLICAS.text["networks"]["database"] == {"internal": True}


@check
def what_is_mounted_exists_and_what_is_named_is_declared():
    for stack, name, service in every_service():
        for source in stack.mounts(name).values():
            there = (DEPLOY / source).exists() if source.startswith(".") else source in stack.text["volumes"]
            assert there, f"{name} mounts {source}"
        for secret in service.get("secrets", []):
            assert secret in stack.text["secrets"], f"{name} wants {secret}"
            said = json.dumps([service["environment"], EXAMPLE if name in stack.gateways else None])
            assert f"/run/secrets/{secret}" in said, f"{name} is given {secret} for nothing"
    for secret in (secret for stack in STACKS for secret in stack.text["secrets"].values()):
        assert secret["file"].startswith("./secrets/"), "a secret outside of the ignored folder"
    assert "/deploy/secrets" in Path(".gitignore").read_text().split(), "secrets could be committed"


@check
def prometheus_asks_the_operators_listener_of_every_replica():
    port = IMAGE.pairs("ENV")["GATEWAY__OPS__LISTEN"].rsplit(":", 1)[1]
    for stack in STACKS:
        [scrape] = read(SCRAPES[stack.path])["scrape_configs"]
        [static] = scrape["static_configs"]
        assert static["targets"] == [f"{name}:{port}" for name in stack.gateways], static
    assert ONE.mounts("prometheus")["/etc/prometheus"] == "./prometheus"
    replicas = REPLICAS.mounts("prometheus")
    assert replicas["/etc/prometheus"] == "./prometheus", "the rules are the same"
    assert replicas["/etc/prometheus/prometheus.yml"] == "./prometheus/replicas.yml"


@check
def what_scrapes_one_and_what_scrapes_three_differ_in_their_targets_alone():
    one, three = (read(path) for path in SCRAPES.values())
    three["scrape_configs"][0]["static_configs"] = one["scrape_configs"][0]["static_configs"]
    assert one == three


@check
def prometheus_tells_alertmanager_and_alertmanager_has_its_file():
    [alerting] = read("prometheus/prometheus.yml")["alerting"]["alertmanagers"]
    [target] = alerting["static_configs"][0]["targets"]
    assert target == "alertmanager:9093"
    for stack in STACKS:
        assert stack.mounts("alertmanager")["/etc/alertmanager"] == "./alertmanager"
    assert (DEPLOY / "alertmanager/alertmanager.yml").exists()


@check
def grafana_finds_prometheus_and_the_dashboards():
    [source], [provider] = DATASOURCES, PROVIDERS
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == read("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert provider["allowUiUpdates"] is False
    for stack in STACKS:
        assert stack.mounts("grafana")[provider["options"]["path"]] == "./grafana/dashboards" and "prometheus" in stack.services
    home = ONE.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana/dashboards" / Path(home).name).exists(), home


@check
def the_container_has_time_to_drain():
    for stack in STACKS:
        for gateway in stack.gateways.values():
            assert gateway["stop_grace_period"] == "60s", "shorter than server.drain_grace and what follows it"


@check
def the_data_outlives_the_container():
    volume = IMAGE.one("VOLUME").text
    for stack in STACKS:
        for name in stack.gateways:
            mounts = stack.mounts(name)
            files = [value for key, value in stack.environment(name).items() if re.search("HEAD_FILE|EMERGENCY_FILE", key)]
            assert len(files) == 2 and volume in mounts, files
            for file in files:
                assert str(Path(file).parent) in mounts, f"{file} is lost with the container"
                assert any(step.words[-1] == str(Path(file).parent) and "chown" in step.flags for step in IMAGE.all("COPY"))
    assert ONE.environment("gateway")["GATEWAY__STORAGE__URL"].removeprefix("sqlite:").startswith(f"{volume}/")


@check
def each_replica_has_a_folder_and_an_address_of_its_own():
    folders = {REPLICAS.mounts(name)[IMAGE.one("VOLUME").text] for name in REPLICAS.gateways}
    assert len(folders) == len(REPLICAS.gateways) == 3, folders
    addresses = [gateway["networks"]["default"]["ipv4_address"] for gateway in REPLICAS.gateways.values()]
    asked = re.findall(r"^    server (\S+):8080 max_fails", (DEPLOY / "nginx/compose.conf").read_text(), re.MULTILINE)
    assert addresses == asked, asked


@check
def the_replicas_believe_nginx_and_reach_what_their_configuration_names():
    nginx = REPLICAS.services["nginx"]["networks"]["default"]["ipv4_address"]
    assert EXAMPLE["server"]["trusted_proxies"] == [f"{nginx}/32"]
    for name in REPLICAS.gateways:
        assert REPLICAS.mounts(name)["/etc/numbers-gateway/gateway.toml"] == "../config/examples/replicas.toml"
        assert REPLICAS.environment(name)["GATEWAY__STORAGE__URL"] == EXAMPLE["storage"]["url"]
    user, host, database = re.match(r"postgres://(\w+)@(\w+)/(\w+)", EXAMPLE["storage"]["url"]).groups()
    server = REPLICAS.services[host]["environment"]
    assert (server["POSTGRES_USER"], server["POSTGRES_DB"]) == (user, database)
    assert server["POSTGRES_PASSWORD_FILE"] == EXAMPLE["storage"]["password_file"]


@check
def the_collector_takes_what_the_replicas_send_and_every_part_of_it_is_declared():
    collector = read("collector/collector.yaml")
    listens = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert EXAMPLE["telemetry"]["otlp_endpoint"] == f"http://collector:{listens.rsplit(':', 1)[1]}"
    for pipeline in collector["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) == set(collector[kind]), f"{kind}: {names}"
    [option] = REPLICAS.services["collector"]["command"]
    assert REPLICAS.mounts("collector")[option.removeprefix("--config=")] == "./collector/collector.yaml"


@check
def both_nginx_files_pass_requests_on_in_the_same_way():
    places = [
        re.search(r"(?ms)^    location / \{.*?^    \}$", (DEPLOY / f"nginx/{name}.conf").read_text())[0]
        for name in ("numbers-gateway", "compose")
    ]
    assert len(set(places)) == 1
    delay = EXAMPLE["server"]["drain_delay"]
    [waits] = set(re.findall(r"fail_timeout=(\d+)s", (DEPLOY / "nginx/compose.conf").read_text()))
    assert int(delay.removesuffix("s")) > int(waits), "a replica would be gone before nginx knows"


@check
def the_context_of_the_build_holds_only_sources():
    lines = [line for line in Path(".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "not a list of what is let in"
    assert set(lines[1:]) == {"!Cargo.toml", "!Cargo.lock", "!src", "!config", "!deploy/sbom.py"}, lines


@check
def the_configuration_keys_are_the_gateways():
    known = tomllib.loads(Path("config/gateway.toml").read_text())
    names = {name for stack in STACKS for gateway in stack.gateways for name in stack.environment(gateway)}
    keys = [name.removeprefix("GATEWAY__").lower().split("__") for name in names if name.startswith("GATEWAY__")]
    assert len(keys) >= 5, keys
    for section, key in keys:
        assert key in known[section] or key.removesuffix("_file") in known[section], f"{section}.{key}"


run()
