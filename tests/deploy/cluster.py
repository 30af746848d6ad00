"""compose.postgres.yaml without an engine: its replicas as containers of the image, with its environment, folders, secrets and
addresses; its PostgreSQL, nginx and Prometheus as programs of this machine, with the files that it gives them.

    cluster.py PROGRAM IMAGE FOLDER

Only two things are not as shipped: who signs tokens, and that ClickSend is the simulator. Where the collector of traces would be,
this program takes what comes.
"""

import atexit
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

import container
from checks import check, run

container.apart()

from pair import Server, call
from waiting import until

PROGRAM, IMAGE, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
DEPLOY = Path("deploy")
COMPOSE = yaml.safe_load((DEPLOY / "compose.postgres.yaml").read_text())
SERVICES = COMPOSE["services"]
PG = Path("/usr/lib/postgresql/15/bin")
# What has no fixed address in the file gets one here.
HOSTS = {"postgres": "172.30.71.20", "collector": "172.30.71.30", "alertmanager": "172.30.71.40"} | {
    name: service["networks"]["default"]["ipv4_address"] for name, service in SERVICES.items() if "gateway" in name
}
NGINX = SERVICES["nginx"]["networks"]["default"]["ipv4_address"]
ISSUER = """[[auth.issuers]]
name = "people"
issuer = "people"
audience = "numbers-gateway"
secret_file = "/run/secrets/signing"
algorithms = ["HS256"]
may_approve = true

[budget]"""


def secret(name: str) -> Path:
    """A secret of the file, made as the commands above it do."""
    file = FOLDER / Path(COMPOSE["secrets"][name]["file"]).name
    if not file.exists():
        file.write_text(secrets.token_hex(24))
    return file


def configuration() -> Path:
    example = Path("config/examples/replicas.toml").read_text()
    text, count = re.subn(r"(?s)\[\[auth\.issuers\]\].*?\[budget\]", ISSUER, example)
    assert count == 1
    (FOLDER / "gateway.toml").write_text(text)
    (FOLDER / "signing").write_text(secrets.token_urlsafe(48))
    return FOLDER / "gateway.toml"


def postgres() -> None:
    # Its user does not come into a folder of ours.
    said, home = SERVICES["postgres"]["environment"], Path(tempfile.mkdtemp(prefix="gateway-postgres."))
    atexit.register(shutil.rmtree, home)
    as_its_user = ["runuser", "-u", "postgres", "--"]
    password = home / "password"
    password.write_text(secret("database-password").read_text())
    for path in (home, password):
        subprocess.run(["chown", "postgres", path], check=True)
    # As the image's own script calls it.
    arguments = ["-D", home / "data", "-U", said["POSTGRES_USER"], f"--pwfile={password}", *said["POSTGRES_INITDB_ARGS"].split()]
    made = subprocess.run([*as_its_user, PG / "initdb", *arguments], capture_output=True, text=True, cwd="/")
    assert made.returncode == 0, made.stderr
    with open(home / "data/pg_hba.conf", "a") as rules:
        rules.write("host all all all scram-sha-256\n")
    log = open(FOLDER / "postgres.log", "wb")
    # Its shared memory in its folder, which goes with it.
    settings = ["listen_addresses=*", "unix_socket_directories=", "dynamic_shared_memory_type=mmap"]
    options = ["-D", home / "data", *(word for one in settings for word in ("-c", one))]
    container.neighbour(HOSTS["postgres"], *as_its_user, PG / "postgres", *options, stdout=log, stderr=log, cwd="/")
    until("PostgreSQL", lambda: subprocess.run([PG / "pg_isready", "-q", "-h", HOSTS["postgres"]]).returncode == 0)
    url = f"postgres://{said['POSTGRES_USER']}:{password.read_text()}@{HOSTS['postgres']}/postgres"
    subprocess.run([PG / "psql", "-q", url, "-c", f"CREATE DATABASE {said['POSTGRES_DB']}"], check=True)


def replica(name: str, upstream: str, config: Path) -> container.Container:
    service = SERVICES[name]
    data = FOLDER / name
    data.mkdir(exist_ok=True)
    os.chown(data, 10001, 10001)
    mounted = dict(reversed(volume.split(":")[:2]) for volume in service["volumes"])
    assert len(mounted) == 2 and name in mounted.values(), mounted
    inside = {source: target for target, source in mounted.items()}
    binds = [(config, inside["../config/examples/replicas.toml"], True), (data, inside[name], False)]
    binds += [(secret(one), f"/run/secrets/{one}", True) for one in service["secrets"]]
    binds.append((FOLDER / "signing", "/run/secrets/signing", True))
    simulated = {
        "GATEWAY__UPSTREAM__USERNAME": "you", "GATEWAY__UPSTREAM__BASE_URL": upstream, "GATEWAY__UPSTREAM__ALLOW_PLAIN_HTTP": "true",
    }  # fmt: skip
    return container.Container(name, IMAGE, FOLDER, HOSTS[name], {**service["environment"], **simulated}, binds, HOSTS)


class Spans(BaseHTTPRequestHandler):
    """The collector's door."""

    came = threading.Event()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        if self.path == "/v1/traces":
            self.came.set()

    def log_message(self, *_):
        pass


class Callers:
    """Two who search all the time, through nginx, below what one person may; what was not answered with 200."""

    def __enter__(self):
        self.answered, self.failed, self._is_over = 0, [], threading.Event()
        self._threads = [threading.Thread(target=self._search) for _ in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def _search(self) -> None:
        while not self._is_over.wait(0.2):
            status, _, body = ask("/v3/numbers/search/AU?limit=3")
            self.answered += 1
            if status != 200:
                self.failed.append((status, body[:200]))

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)


def ask(path: str, method: str = "GET", address: str = NGINX):
    return call(f"http://{address}:8080{path}", TOKEN, headers={"Host": "localhost"}, method=method)


def asked_of_prometheus(path: str):
    return json.loads(call(f"http://127.0.0.1:9090/api/v1/{path}")[2])["data"]


def start() -> dict[str, container.Container]:
    """Everything but nginx and Prometheus; the replicas, healthy."""
    container.bridge("172.30.71.1/24")
    container.ip("addr", "add", f"{HOSTS['collector']}/24", "dev", "bridge")
    # In this mount namespace alone, for Prometheus.
    (FOLDER / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    subprocess.run(["mount", "--bind", FOLDER / "hosts", "/etc/hosts"], check=True)
    threading.Thread(target=ThreadingHTTPServer((HOSTS["collector"], 4318), Spans).serve_forever, daemon=True).start()
    simulator = Server(
        FOLDER / "simulator.log", "simulator", "--listen", "172.30.71.1:0", "--username", "you",
        "--api-key", secret("clicksend-api-key").read_text(),
        stream="stdout", is_ready=lambda line: (found := re.match(r"simulator +(http://\S+)", line)) and found[1],
    )  # fmt: skip
    config = configuration()
    postgres()
    replicas = {name: replica(name, simulator.ready, config) for name in SERVICES if "gateway" in name}
    for one in replicas.values():
        one.start()
    for one in replicas.values():
        one.become_healthy()
    return replicas


REPLICAS = start()
TOKEN = REPLICAS["gateway-1"].token("requester")


@check
def nginx_takes_its_file_and_a_search_and_a_purchase_go_through_it():
    (FOLDER / "nginx.conf").write_text(
        f"pid {FOLDER}/nginx.pid; daemon off; events {{}} http {{ include {(DEPLOY / 'nginx/compose.conf').resolve()}; }}"
    )
    container.neighbour(NGINX, "nginx", "-e", FOLDER / "nginx.log", "-c", FOLDER / "nginx.conf")
    until("nginx", lambda: call(f"http://{NGINX}:8080/nginx-health")[0] == 204)
    status, _, body = ask("/v3/numbers/search/AU?limit=3")
    assert status == 200, body
    number = json.loads(body)["data"]["data"][0]["dedicated_number"]
    status, _, body = ask(f"/v3/numbers/buy/{number}", "POST")
    assert status == 200, body
    # Whichever replica bought it.
    for one in REPLICAS.values():
        until(f"{one.name} knows of it", lambda: number in ask("/v3/numbers", address=one.address)[2].decode())


@check
def prometheus_reaches_every_replica_with_the_rules_there_are():
    options = ["--web.listen-address=127.0.0.1:9090", f"--storage.tsdb.path={FOLDER}/prometheus"]
    log = open(FOLDER / "prometheus.log", "wb")
    scraping = subprocess.Popen(["prometheus", "--config.file=deploy/prometheus/replicas.yml", *options], stdout=log, stderr=log)
    up = lambda: {row["metric"]["instance"]: row["value"][1] for row in asked_of_prometheus("query?query=up")["result"]}
    wanted = {f"{name}:9464": "1" for name in REPLICAS}
    until("three replicas that are up", lambda: up() == wanted, within=60)
    assert len(asked_of_prometheus("rules")["groups"]) >= 3
    scraping.terminate()
    scraping.wait(30)


@check
def a_replica_that_is_stopped_and_one_that_is_killed_are_missed_by_nobody():
    with Callers() as callers:
        first, second, _ = REPLICAS.values()
        assert first.stop() == 0, first.log.read_text()[-1000:]
        first.start()
        first.become_healthy()
        second.process.kill()
        second.process.wait(20)
        before = callers.answered
        until("fifty more answers", lambda: callers.answered > before + 50)
    print(f"     {callers.answered} searches, {len(callers.failed)} failed")
    assert not callers.failed, callers.failed[:3]


@check
def spans_come_to_the_collectors_address():
    with Callers():
        assert Spans.came.wait(60), "one in ten is sent, and none came"


run()
