"""The unit for systemd and the manifests for Kubernetes: valid by their own tools, closed, and in agreement with the program.

    platforms.py GATEWAY FOLDER
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml

from checks import check, run

GATEWAY, FOLDER = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
UNIT = Path("deploy/systemd/numbers-gateway.service")
MANIFESTS = list(yaml.safe_load_all(Path("deploy/kubernetes/gateway.yaml").read_text()))
KNOWN = tomllib.loads(Path("config/gateway.toml").read_text())
# What `systemd-analyze security` may say at most, in tenths; 100 is without any protection.
EXPOSURE = 20


def kind(name: str) -> list[dict]:
    return [manifest for manifest in MANIFESTS if manifest["kind"] == name]


def pod() -> dict:
    [workload] = kind("StatefulSet")
    return workload["spec"]["template"]["spec"]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def is_a_key(variable: str) -> bool:
    section, key = variable.removeprefix("GATEWAY__").lower().split("__")
    return key in KNOWN[section] or key.removesuffix("_file") in KNOWN[section]


def by_systemd(*arguments: str, expected: int = 0) -> str:
    """With the program where it is here, because systemd looks whether it is there."""
    unit = FOLDER / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/numbers-gateway", str(GATEWAY)))
    ran = subprocess.run(["systemd-analyze", *arguments, unit], capture_output=True, text=True)
    assert ran.returncode == expected, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@check
def systemd_understands_the_unit():
    said = by_systemd("verify")
    assert UNIT.name not in said, said


@check
def the_unit_is_closed():
    told = by_systemd("security", "--offline=true", f"--threshold={EXPOSURE}")
    print("     " + told.strip().splitlines()[-1])
    # The threshold is one: the same unit is above a lower one.
    by_systemd("security", "--offline=true", "--threshold=1", expected=1)


@check
def the_units_variables_are_keys_and_its_patience_is_longer_than_the_drain():
    text = UNIT.read_text()
    variables = re.findall(r"^Environment=(GATEWAY__\w+)=", text, re.MULTILINE)
    assert len(variables) == 4 and all(map(is_a_key, variables)), variables
    patience = int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1])
    assert patience > seconds(KNOWN["server"]["drain_delay"]) + seconds(KNOWN["server"]["drain_grace"])


@check
def a_unit_that_waits_for_a_word_lets_the_program_say_it():
    text = UNIT.read_text()
    assert re.search(r"(?m)^Type=notify\nNotifyAccess=main$", text), "started would not mean ready"
    assert re.search(r"(?m)^RestrictAddressFamilies=.*\bAF_UNIX\b", text), "systemd's socket is out of reach: no start ever ends"


@check
def kubernetes_knows_every_field_of_every_manifest():
    for manifest in MANIFESTS:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    kinds = [manifest["kind"] for manifest in MANIFESTS]
    assert kinds == ["StatefulSet", "Service", "Service", "PodDisruptionBudget", "NetworkPolicy"], kinds


@check
def the_pod_keeps_the_restricted_standard():
    spec, [container] = pod(), pod()["containers"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False and context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] and spec["automountServiceAccountToken"] is False
    assert {"configMap", "secret"} >= {key for volume in spec["volumes"] for key in volume if key != "name"}


@check
def the_pods_variables_are_keys_and_its_files_are_on_volumes():
    [container] = pod()["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert all(map(is_a_key, variables)), variables
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    files = [value for name, value in variables.items() if name.endswith("_FILE")]
    assert len(files) == 4 and all(any(file.startswith(f"{mount}/") for mount in mounts) for file in files), files
    delay = seconds(variables["GATEWAY__SERVER__DRAIN_DELAY"])
    assert pod()["terminationGracePeriodSeconds"] > delay + seconds(KNOWN["server"]["drain_grace"])
    probe = container["readinessProbe"]
    assert delay > probe["periodSeconds"] * probe["failureThreshold"], "gone before anybody has seen it"


@check
def what_selects_pods_finds_them():
    [workload] = kind("StatefulSet")
    labels = workload["spec"]["template"]["metadata"]["labels"]
    selectors = [service["spec"]["selector"] for service in kind("Service")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in (workload, *kind("PodDisruptionBudget"))]
    selectors += [policy["spec"]["podSelector"]["matchLabels"] for policy in kind("NetworkPolicy")]
    assert len(selectors) == 5 and all(selector == labels for selector in selectors), selectors
    assert workload["spec"]["serviceName"] in [service["metadata"]["name"] for service in kind("Service")]


run()
