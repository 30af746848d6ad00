"""The image: what the Dockerfile says by the rules for it, and what its steps make, started as it says.

    image.py PROGRAM IMAGE FOLDER

IMAGE is what building.py made; PROGRAM plays ClickSend and signs tokens. Needs root and nginx.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import container
from checks import check, run

container.apart()

import dockerfile
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from pair import Server, call

PROGRAM, IMAGE, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
STAGES = dockerfile.stages()
LAST = STAGES[-1]
DATA = FOLDER / "data"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
# Of the C library, and what every Rust program takes from the compiler's.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
CONFIGURATION = """
[upstream]
base_url = "https://upstream.example:8443"
username = "you"
api_key_file = "/run/secrets/clicksend-api-key"
[[auth.issuers]]
name = "people"
issuer = "people"
audience = "numbers-gateway"
secret_file = "/run/secrets/secret"
algorithms = ["HS256"]
[budget]
currency = "AUD"
spend_per_month = "unlimited"
recurring_per_month = "unlimited"
[teams.growth]
[[policy.rules]]
name = "all"
when = { action = "buy" }
then = "allow"
"""


def prepare() -> None:
    container.bridge("172.30.71.1/24")
    DATA.mkdir()
    os.chown(DATA, 10001, 10001)
    for name, text in {"gateway.toml": CONFIGURATION, "secret": secrets.token_urlsafe(48), "key": "of-nobody-else"}.items():
        (FOLDER / name).write_text(text)
    openssl("req", "-x509", "-new", "-subj", "/CN=A root for a test", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-new", "-subj", "/CN=upstream.example", "-keyout", "tls.key", "-out", "tls.csr")
    (FOLDER / "names").write_text("subjectAltName = DNS:upstream.example\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names"]
    subprocess.run(["openssl", "x509", "-req", "-in", "tls.csr", "-out", "tls.pem", *signing], cwd=FOLDER, check=True, stderr=subprocess.DEVNULL)


def openssl(*arguments: str) -> None:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", *arguments, *key], cwd=FOLDER, check=True, stderr=subprocess.DEVNULL)


def upstream() -> None:
    """The simulator behind TLS, at an address of the network."""
    simulator = Server(
        FOLDER / "simulator.log", "simulator", "--listen", "127.0.0.1:0", "--username", "you", "--api-key", "of-nobody-else",
        stream="stdout", is_ready=lambda line: (found := re.match(r"simulator +(http://\S+)", line)) and found[1],
    )  # fmt: skip
    (FOLDER / "nginx.conf").write_text(
        f"pid {FOLDER}/nginx.pid; daemon off; events {{}} http {{ access_log off; server {{"
        f" listen 172.30.71.1:8443 ssl; ssl_certificate {FOLDER}/tls.pem; ssl_certificate_key {FOLDER}/tls.key;"
        f" location / {{ proxy_pass {simulator.ready}; }} }} }}"
    )
    subprocess.Popen(["nginx", "-e", FOLDER / "nginx.log", "-c", FOLDER / "nginx.conf"])


def gateway(name: str, data: Path, *more: tuple) -> container.Container:
    binds = [
        (FOLDER / "gateway.toml", "/etc/numbers-gateway/gateway.toml", True),
        (FOLDER / "secret", "/run/secrets/secret", True), (FOLDER / "key", "/run/secrets/clicksend-api-key", True),
        (data, LAST.one("VOLUME").text, False), *more,
    ]  # fmt: skip
    made = container.Container(
        name, IMAGE, FOLDER, "172.30.71.2", {"GATEWAY_CONFIG": "/etc/numbers-gateway/gateway.toml"}, binds,
        {"upstream.example": "172.30.71.1"},
    )  # fmt: skip
    made.start()
    made.become_healthy()
    return made


def ask(started: container.Container, path: str, method: str = "GET"):
    status, _, body = call(f"http://172.30.71.2:8080{path}", started.token("requester"), method=method)
    return status, json.loads(body)


def refused(file: Path) -> str:
    """What keeps even root from writing it."""
    try:
        file.touch()
    except OSError as error:
        return error.strerror
    return "nothing"


@check
def every_base_has_a_version_and_the_last_stage_has_none():
    for stage in STAGES[:-1]:
        assert stage.base in {one.name for one in STAGES} or re.fullmatch(r"[a-z]+:[\w.-]+", stage.base), stage.base
        assert "latest" not in stage.base and stage.name, f"{stage}: without a name or a version"
    assert LAST.base == "scratch" and not LAST.all("RUN"), "there is no shell to run it"


@check
def the_steps_keep_the_usual_rules():
    for stage in STAGES:
        for step in stage.steps:
            text = f"{step.instruction} {step.text}"
            assert step.instruction not in {"ADD", "MAINTAINER", "ONBUILD", "SHELL"}, text
            assert not re.search(r"\b(sudo|curl|wget|chmod 777)\b", step.text) or step.instruction != "RUN", text
            if "apt-get install" in step.text:
                assert "apt-get update &&" in step.text and "--no-install-recommends" in step.text, text
                assert step.text.endswith("rm -rf /var/lib/apt/lists/*"), f"lists stay in the layer: {text}"
            if step.instruction == "WORKDIR":
                assert step.text.startswith("/"), text
            if step.instruction in {"CMD", "ENTRYPOINT", "HEALTHCHECK"}:
                # The exec form: with a shell in between, the signal to stop would not arrive.
                assert step.text.endswith("]") and isinstance(step.words, list), text
            if stage is not LAST and step.instruction == "COPY" and "from" in step.flags:
                assert step.flags["from"] in {one.name for one in STAGES}, text


@check
def dependencies_are_a_layer_below_the_sources():
    order = [step.text for step in STAGES[0].steps if step.instruction in {"COPY", "RUN"}]
    builds = [at for at, text in enumerate(order) if "cargo build" in text]
    assert order.index("Cargo.toml Cargo.lock ./") < builds[0] < order.index("src src") < builds[1] == len(order) - 2, order
    assert all("--locked --release" in order[at] for at in builds), order


@check
def the_image_says_what_it_is():
    labels = LAST.pairs("LABEL")
    known = {"title", "description", "version", "revision", "base.name"}
    assert set(labels) == {f"org.opencontainers.image.{name}" for name in known}, labels
    cargo = Path("Cargo.toml").read_text()
    version, description = (re.search(rf'^{key} = "(.*)"$', cargo, re.MULTILINE)[1] for key in ("version", "description"))
    assert LAST.pairs("ARG")["VERSION"] == version and labels["org.opencontainers.image.description"] == description


@check
def it_has_the_c_library_and_one_program():
    files = [file for file in IMAGE.rglob("*") if file.is_file()]
    print(f"     {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    said = subprocess.run(["ldd", IMAGE / "usr/local/bin/numbers-gateway"], check=True, capture_output=True, text=True).stdout
    named = {Path(word).name for word in re.findall(r"(/\S+) \(0x", said)}
    assert named <= LIBRARIES and named == {file.name for file in files if "lib" in file.relative_to(IMAGE).parts[0]}, named
    elves = {file.name for file in files if file.read_bytes()[:4] == b"\x7fELF"}
    assert elves == {*named, "numbers-gateway"}, elves
    assert not any(file.stat().st_mode & 0o6002 for file in files), "setuid, or written by all"
    assert {file.name for file in files if file.stat().st_uid} == set(), "the program could change it"


@check
def its_bill_of_materials_is_valid_and_lists_every_crate_that_the_program_names():
    text = (IMAGE / "usr/share/doc/numbers-gateway/sbom.cdx.json").read_text()
    assert (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is None, wrong
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"library"', '"shelf"')), "anything is valid"
    bill = json.loads(text)
    listed = {f"{one['name']}-{one['version']}" for one in bill["components"] if "cargo" in one["purl"]}
    # Where its panics say that they are.
    paths = re.findall(rb"/registry/src/[^/]+/([\w+.-]+)/", (IMAGE / "usr/local/bin/numbers-gateway").read_bytes())
    named = {path.decode() for path in paths}
    assert len(named) > 50 and named <= listed, named - listed
    assert {one["name"] for one in bill["components"] if "deb/" in one["purl"]} == {"libc6", "libgcc-s1", "ca-certificates"}


@check
def it_runs_without_a_right_and_writes_to_its_volume_alone():
    prepare()
    upstream()
    trusted = FOLDER / "trusted.crt"
    trusted.write_text((IMAGE / BUNDLE).read_text() + (FOLDER / "ca.pem").read_text())
    started = gateway("gateway", DATA, (trusted, f"/{BUNDLE}", True))
    status = started.status()
    assert status["Uid"].split()[0] == "10001" and status["Groups"] == "" and status["NoNewPrivs"] == "1", status
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, status
    mounts = [line.split() for line in Path(f"/proc/{started.pid}/mountinfo").read_text().splitlines()]
    writable = {mount[4] for mount in mounts if "rw" in mount[5].split(",") and "rw" in mount[-1].split(",")}
    assert {path for path in writable if not path.startswith(("/proc", "/dev"))} == {LAST.one("VOLUME").text}, writable
    for folder in ("etc", "tmp", "usr/local/bin", "var/lib/numbers-gateway-audit"):
        assert "Read-only" in refused(Path(f"/proc/{started.pid}/root", folder, "written"))
    code, body = ask(started, "/v3/numbers/search/AU?limit=5")
    assert code == 200, body
    number = body["data"]["data"][0]["dedicated_number"]
    code, body = ask(started, f"/v3/numbers/buy/{number}", "POST")
    assert code == 200 and body["response_code"] == "SUCCESS", body
    assert {"gateway.db", "audit-head"} <= {file.name for file in DATA.iterdir()}
    assert started.stop() == 0, started.log.read_text()[-2000:]


@check
def without_the_certificate_it_does_not_talk_to_upstream():
    (data := FOLDER / "stranger").mkdir()
    os.chown(data, 10001, 10001)
    started = gateway("stranger", data)
    code, body = ask(started, "/v3/numbers/search/AU?limit=5")
    assert code == 503 and body["response_code"] == "UPSTREAM_UNAVAILABLE", body
    # And the check of its health can say no.
    os.kill(started.pid, signal.SIGSTOP)
    assert not started.is_healthy()
    os.kill(started.pid, signal.SIGCONT)


@check
def a_configuration_that_is_not_there_ends_the_container_with_78():
    lost = container.Container("lost", IMAGE, FOLDER, "172.30.71.3", {"GATEWAY_CONFIG": "/nowhere.toml"})
    lost.start()
    assert lost.process.wait(30) == 78, lost.log.read_text()


run()
