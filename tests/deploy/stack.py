"""The files of deploy/ and the Dockerfile fit together: what one names, another has."""

import re
import shlex
import tomllib
from pathlib import Path

import yaml

from checks import check, run

DEPLOY = Path("deploy")


def read(path: str):
    return yaml.safe_load((DEPLOY / path).read_text())


COMPOSE = read("compose.yaml")
SERVICES = COMPOSE["services"]
DATASOURCES = read("grafana/provisioning/datasources/numbers-gateway.yaml")["datasources"]
PROVIDERS = read("grafana/provisioning/dashboards/numbers-gateway.yaml")["providers"]
SCRAPES = read("prometheus/prometheus.yml")["scrape_configs"]
DOCKERFILE = Path("Dockerfile").read_text().replace("\\\n", " ")


def dockerfile(instruction: str, stage: int = -1) -> list[str]:
    """The arguments of an instruction, wherever it stands in a stage."""
    stages = re.split(r"(?m)^FROM ", DOCKERFILE)
    return re.findall(rf"(?m)^{instruction} (.*)$", stages[stage])


def image_environment() -> dict[str, str]:
    return dict(word.split("=", 1) for line in dockerfile("ENV") for word in shlex.split(line))


def mounts(service: str) -> dict[str, str]:
    """Where a service sees which volume or path of deploy/."""
    pairs = (mount.split(":") for mount in SERVICES[service]["volumes"])
    return {target: source for source, target, *_ in pairs}


def configuration_keys() -> set[str]:
    """Every GATEWAY__SECTION__KEY that the files set."""
    names = set(image_environment()) | set(SERVICES["gateway"]["environment"])
    return {name for name in names if name.startswith("GATEWAY__")}


@check
def every_yaml_file_is_yaml():
    files = [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")]
    assert len(files) >= 4, files
    for file in files:
        documents = list(yaml.safe_load_all(file.read_text()))
        assert documents and all(documents), f"{file} is empty, or a part of it"


@check
def every_image_has_a_version_and_every_service_comes_back():
    for name, service in SERVICES.items():
        assert re.search(r":(v?\d+\.\d+\.\d+|local)$", service["image"]), f"{name}: {service['image']}"
        assert service["restart"] == "unless-stopped", name
        assert service["cap_drop"] == ["ALL"], name


@check
def nothing_is_published_beyond_this_machine():
    for name, service in SERVICES.items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"
    published = {port.rsplit(":", 1)[1] for port in SERVICES["gateway"]["ports"]}
    assert published == {"8080"}, "the operators' listener is not for the outside"


@check
def what_is_mounted_exists_and_what_is_named_is_declared():
    for name, service in SERVICES.items():
        for source in mounts(name).values():
            there = (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            assert there, f"{name} mounts {source}"
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"], f"{name} wants {secret}"
            assert f"/run/secrets/{secret}" in service["environment"].values(), f"{name} is given {secret} for nothing"
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/"), "a secret outside of the ignored folder"
    assert "/deploy/secrets" in Path(".gitignore").read_text().split(), "secrets could be committed"


@check
def prometheus_asks_the_operators_listener():
    [target] = SCRAPES[0]["static_configs"][0]["targets"]
    port = image_environment()["GATEWAY__OPS__LISTEN"].rsplit(":", 1)[1]
    assert target == f"gateway:{port}", target
    assert mounts("prometheus")["/etc/prometheus"] == "./prometheus"


@check
def prometheus_tells_alertmanager_and_alertmanager_has_its_file():
    [alerting] = read("prometheus/prometheus.yml")["alerting"]["alertmanagers"]
    [target] = alerting["static_configs"][0]["targets"]
    assert target == "alertmanager:9093" and "alertmanager" in SERVICES
    assert mounts("alertmanager")["/etc/alertmanager"] == "./alertmanager"
    assert (DEPLOY / "alertmanager/alertmanager.yml").exists()


@check
def grafana_finds_prometheus_and_the_dashboards():
    [source], [provider] = DATASOURCES, PROVIDERS
    assert source["url"] == "http://prometheus:9090" and "prometheus" in SERVICES
    assert source["jsonData"]["timeInterval"] == read("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert provider["allowUiUpdates"] is False
    assert mounts("grafana")[provider["options"]["path"]] == "./grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana/dashboards" / Path(home).name).exists(), home


@check
def the_container_has_time_to_drain():
    assert SERVICES["gateway"]["stop_grace_period"] == "60s", "shorter than server.drain_grace and what follows it"


@check
def the_image_is_built_locked_and_runs_without_root():
    [build] = [line for line in dockerfile("RUN", 1) if "cargo build" in line]
    assert "--locked" in build and "--release" in build, build
    user, *_ = dockerfile("USER")[0].split(":")
    assert int(user) > 0, "root"
    assert any("ca-certificates" in line for line in dockerfile("RUN")), "no root certificates"


@check
def the_image_asks_the_program_for_its_health_and_starts_it_directly():
    [health], [entry] = dockerfile("HEALTHCHECK"), dockerfile("ENTRYPOINT")
    assert health.endswith('CMD ["numbers-gateway", "healthcheck"]'), health
    # The exec form: with a shell in between, the signal to stop would not arrive.
    assert entry == '["numbers-gateway"]', entry


@check
def the_data_outlives_the_container():
    [volume] = dockerfile("VOLUME")
    environment = {**image_environment(), **SERVICES["gateway"]["environment"]}
    assert environment["GATEWAY__STORAGE__URL"].removeprefix("sqlite:").startswith(f"{volume}/")
    assert volume in mounts("gateway")
    head = Path(environment["GATEWAY__AUDIT__HEAD_FILE"])
    assert str(head.parent) in mounts("gateway"), "the audit head is lost with the container"
    assert any(str(head.parent) in line for line in dockerfile("RUN")), "the head's folder would belong to root"


@check
def the_context_of_the_build_holds_only_sources():
    lines = [line for line in Path(".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "not a list of what is let in"
    assert set(lines[1:]) == {"!Cargo.toml", "!Cargo.lock", "!src", "!config"}, lines


@check
def the_configuration_keys_are_the_gateways():
    path = Path("config/gateway.toml")
    if not path.exists():
        print("     not compared: there is no config/gateway.toml yet")
        return
    known = tomllib.loads(path.read_text())
    for name in configuration_keys():
        section, key = name.removeprefix("GATEWAY__").lower().split("__")
        assert key in known[section] or key.removesuffix("_file") in known[section], name


run()
