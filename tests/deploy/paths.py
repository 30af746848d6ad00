"""A newcomer's paths, typed word for word in a copy of what they name.

    paths.py PROGRAM FOLDER

Stand-ins: `cargo` and `docker` only say what they were asked for, and ClickSend is the simulator. Where a path ends for want of an
engine or a cluster, what it names is looked for. Needs root, for a network in which the ports are free.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import container
import yaml
from checks import check, run

container.apart()

import documented
from pair import Server
from waiting import until

PROGRAM, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
README = Path("README.md")
TYPED = FOLDER / "typed"
SHELL = ["bash", "-euo", "pipefail", "-c"]
STACKS = {"One container": "compose.yaml", "Three replicas": "compose.postgres.yaml"}


def prepare() -> dict[str, str]:
    """The reader's folder and environment."""
    tracked = subprocess.run(["git", "ls-files", "deploy", "config"], check=True, capture_output=True, text=True).stdout
    for file in tracked.split():
        (TYPED / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, TYPED / file)
    (TYPED / "target/release").mkdir(parents=True)
    shutil.copy(PROGRAM, TYPED / "target/release/numbers-gateway")
    tools = FOLDER / "tools"
    tools.mkdir()
    for name in ("cargo", "docker"):
        (tools / name).write_text(f'#!/bin/sh\necho "$0 $*" >> {FOLDER}/asked\n')
        (tools / name).chmod(0o755)
    simulator = Server(
        FOLDER / "simulator.log", "simulator", "--listen", "127.0.0.1:0", "--username", "your ClickSend user name",
        "--api-key", "of-nobody-else", stream="stdout",
        is_ready=lambda line: (found := re.match(r"simulator +(http://\S+)", line)) and found[1],
    )  # fmt: skip
    return {
        "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(FOLDER), "CLICKSEND_API_KEY": "of-nobody-else",
        "GATEWAY__UPSTREAM__BASE_URL": simulator.ready,
    }  # fmt: skip


def typed(*commands: str) -> str:
    ran = subprocess.run([*SHELL, "\n".join(commands)], cwd=TYPED, env=READER, capture_output=True, text=True)
    assert ran.returncode == 0, f"{commands}: {ran.stdout}{ran.stderr}"
    return ran.stdout


container.ip("link", "set", "lo", "up")
READER = prepare()


@check
def the_binary_alone_is_built_configured_and_asked():
    first, explained = documented.blocks("For real", README)[:2]
    assert first.splitlines()[0].startswith("cargo build --release && ") and first.splitlines()[-1].startswith("numbers-gateway serve")
    log = open(FOLDER / "serve.log", "wb")
    serving = subprocess.Popen([*SHELL, first], cwd=TYPED, env=READER, stdout=log, stderr=log, start_new_session=True)
    [second] = documented.blocks("The binary alone")
    is_ready = ["curl", "-sf", "http://127.0.0.1:9464/readyz"]
    until("a gateway that is ready", lambda: serving.poll() or subprocess.run(is_ready, capture_output=True).returncode == 0)
    assert serving.poll() is None, Path(log.name).read_text()[-2000:]
    assert '"dedicated_number"' in typed(second)
    told = typed(f'export PATH="$PWD/target/release:$PATH"\n{explained}')
    assert "ordinary AU numbers" in told, told
    os.killpg(serving.pid, signal.SIGTERM)
    serving.wait(60)
    assert "cargo build --release" in (FOLDER / "asked").read_text()


@check
def the_commands_of_both_stacks_make_their_secrets_and_start_their_file():
    but_the_last = documented.blocks("One container")[0].rsplit("docker compose", 1)[0]
    for heading, name in STACKS.items():
        block = documented.blocks(heading)[0]
        (FOLDER / "asked").write_text("")
        typed(block if heading == "One container" else f"{but_the_last}\n{block}")
        stack = yaml.safe_load((TYPED / "deploy" / name).read_text())
        for secret in stack["secrets"].values():
            file = TYPED / "deploy" / secret["file"]
            assert file.read_text().strip() and file.stat().st_mode & 0o777 == 0o644, file
        assert (TYPED / "deploy/secrets").stat().st_mode & 0o777 == 0o700
        [asked] = (FOLDER / "asked").read_text().splitlines()
        assert f"docker compose -f deploy/{name} up --build --detach --wait" in asked, asked
        shutil.rmtree(TYPED / "deploy/secrets")


@check
def a_new_version_goes_to_every_replica_in_turn():
    stack = yaml.safe_load((TYPED / "deploy/compose.postgres.yaml").read_text())
    (FOLDER / "asked").write_text("")
    typed(documented.blocks("Three replicas")[1])
    asked = (FOLDER / "asked").read_text().splitlines()
    gateways = [name for name in stack["services"] if name.startswith("gateway")]
    assert [line.split()[-1] for line in asked] == ["gateway-1", *gateways], asked


@check
def the_commands_for_kubernetes_name_what_the_manifests_name():
    [block] = documented.blocks("Kubernetes")
    manifests = yaml.safe_load_all((TYPED / "deploy/kubernetes/gateway.yaml").read_text())
    [workload] = [one for one in manifests if one["kind"] == "StatefulSet"]
    pod = workload["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert f"create secret generic {volumes['secrets']['secret']['secretName']} " in block
    assert f"create configmap {volumes['configuration']['configMap']['name']} " in block
    given = set(re.findall(r"--from-file=(\S+)", block))
    variables = {one["value"] for one in pod["containers"][0]["env"]} | set(pod["containers"][0]["args"])
    read = {Path(value).name for value in variables if value.startswith(("/run/secrets/", "/etc/numbers-gateway/"))}
    assert given == read, (given, read)
    assert f"rollout status statefulset/{workload['metadata']['name']}" in block
    assert all((TYPED / path).exists() for path in re.findall(r" -f (\S+)", block))


@check
def every_link_of_the_page_leads_somewhere():
    page = documented.PAGE
    links = re.findall(r"\]\((\S+?)\)", page.read_text())
    titles = re.findall(r"(?m)^## (.*)$", page.read_text())
    headings = {re.sub(r"\W+", "-", title.lower()) for title in titles}
    assert len(links) >= 5, links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (page.parent / path).exists() if path else anchor in headings, link


run()
