"""Two replicas on PostgreSQL, the simulator, Prometheus and Alertmanager with the files of deploy/, a collector and what it
forwards to: everything a process of its own, on free ports, ended with this one.

`Told` keeps what webhooks were told; spans are the lines of `spans.ndjson` in the folder, as the receiver wrote them.
"""

import atexit
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from pair import Pair, Server, _ready
from receiving import receive
from waiting import until

DEPLOY = Path("deploy")
PSQL = Path(os.environ["GATEWAY_TEST_POSTGRES_BIN"], "psql")

MORE = """
[server]
listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1/32"]
[telemetry]
otlp_endpoint = "http://127.0.0.1:{collector}"
sample = "100%"
[purchases]
absence_window = "12s"
scan_spacing = "1s"
sweep_every = "3s"
[notifications]
inner_networks = ["127.0.0.1"]
[[notifications.webhooks]]
name = "desk"
url = "http://127.0.0.1:{hook}/notices"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Told:
    """A webhook: what it was told, by path."""

    def __init__(self):
        self.changed, self.all = threading.Condition(), []
        self.port = receive(self._take)

    def _take(self, path, _, body):
        with self.changed:
            self.all.append((path, json.loads(body)))
            self.changed.notify_all()

    def first(self, path: str, wanted, within: float):
        found = lambda: next((body for at, body in self.all if at == path and wanted(body)), None)
        with self.changed:
            assert self.changed.wait_for(found, within), f"{path} was not told within {within} s: {self.all}"
            return found()


class World:
    def __init__(self, folder: Path):
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.told = Told()
        self.collector()
        more = MORE.format(collector=self.collector_port, hook=self.told.port)
        # The pair's own [server] is in ours.
        self.pair = Pair(self.folder / "gateway", more, own_server=True)
        self.b_config = self.pair.folder / "b.toml"
        text = (self.pair.folder / "gateway.toml").read_text()
        self.b_config.write_text(text.replace("gateway.emergency", "b.emergency").replace("audit-head", "b-audit-head"))
        self.replicas = {"a": self.pair.server, "b": self.start_b()}
        self.alertmanager()
        self.prometheus()

    def api(self, replica: str) -> str:
        return f"http://{self.replicas[replica].ready['api']}"

    def ops(self, replica: str) -> str:
        return f"http://{self.replicas[replica].ready['ops']}"

    def start_b(self, environment: dict | None = None) -> Server:
        return Server(
            self.pair.folder / "b.log", "serve", "--config", str(self.b_config), stream="stderr", is_ready=_ready,
            environment=environment,
        )  # fmt: skip

    def restart_b(self, signal: int, environment: dict | None = None) -> None:
        self.replicas["b"].process.send_signal(signal)
        self.replicas["b"].process.wait(60)
        self.replicas["b"] = self.start_b(environment)
        self.write_targets()

    def run(self, name: str, *command: str, **more) -> subprocess.Popen:
        log = open(self.folder / f"{name}.log", "wb")
        server = subprocess.Popen(command, **{"stdout": log, "stderr": log, **more})
        atexit.register(server.wait, 20)
        atexit.register(server.terminate)
        return server

    def collector(self) -> None:
        """A collector that people run, which forwards to a receiver that writes each span as a line."""
        import rotel

        self.spans_file = self.folder / "spans.ndjson"
        self.receiver_port, self.collector_port, grpc = free_port(), free_port(), free_port()
        self.spans_file.touch()
        receiver = str(Path(__file__).parent / "receiver.py")
        self.run("receiver", sys.executable, receiver, str(self.receiver_port), str(self.spans_file))
        self.run(
            "rotel", str(Path(rotel.__file__).parent / "rotel-agent"), "start",
            "--pid-file", str(self.folder / "rotel.pid"), "--log-file", str(self.folder / "rotel-agent.log"),
            "--otlp-http-endpoint", f"127.0.0.1:{self.collector_port}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}",
            "--batch-timeout", "200ms", "--exporter", "otlp", "--otlp-exporter-protocol", "http",
            "--otlp-exporter-endpoint", f"http://127.0.0.1:{self.receiver_port}",
        )  # fmt: skip
        until("the collector listens", lambda: socket.create_connection(("127.0.0.1", self.collector_port), 1).close() or True)
        until("the receiver listens", lambda: socket.create_connection(("127.0.0.1", self.receiver_port), 1).close() or True)

    def spans(self) -> list[dict]:
        return [json.loads(line) for line in self.spans_file.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def alertmanager(self) -> None:
        config = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())
        for receiver in config["receivers"]:
            for hook in receiver["webhook_configs"]:
                hook["url"] = f"http://127.0.0.1:{self.told.port}{urllib.parse.urlsplit(hook['url']).path}"
        config["route"]["group_wait"] = config["route"]["routes"][0]["group_wait"] = "1s"
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
        self.alertmanager_port = free_port()
        self.run(
            "alertmanager", "prometheus-alertmanager", f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'am'}", f"--web.listen-address=127.0.0.1:{self.alertmanager_port}",
            "--cluster.listen-address=",
        )  # fmt: skip

    def write_targets(self) -> None:
        targets = [
            {"targets": [server.ready["ops"]], "labels": {"instance": name}} for name, server in self.replicas.items()
        ]
        # Put in its place at once: Prometheus reads it whenever it changes.
        (self.folder / "targets.tmp").write_text(json.dumps(targets))
        (self.folder / "targets.tmp").rename(self.folder / "targets.json")

    def prometheus(self) -> None:
        """With the shipped file, but for what is another here: targets, the pace, where Alertmanager is."""
        self.write_targets()
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str((DEPLOY / "prometheus" / pattern).resolve()) for pattern in config["rule_files"]]
        [scrape] = config["scrape_configs"]
        del scrape["static_configs"]
        scrape["file_sd_configs"] = [{"files": [str(self.folder / "targets.json")]}]
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self.alertmanager_port}"]}]}]}
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.prometheus_url = f"http://127.0.0.1:{free_port()}"
        self.run(
            "prometheus", "prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}", f"--web.listen-address={self.prometheus_url.removeprefix('http://')}",
        )  # fmt: skip
        until("both replicas are scraped", lambda: len(self.query('up{job="numbers-gateway"} == 1')) == 2)

    def get(self, path: str, **query: str) -> dict:
        url = f"{self.prometheus_url}/api/v1/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict]:
        return self.get("query", query=expression)["result"]

    def metrics(self, replica: str) -> str:
        with urllib.request.urlopen(f"{self.ops(replica)}/metrics", timeout=30) as answer:
            return answer.read().decode()

    def scraped(self) -> None:
        """Waits until Prometheus has seen both replicas as they are from now on."""
        now = time.time()
        seen = lambda: [one for one in self.query("timestamp(up) and up == 1") if float(one["value"][1]) > now]
        until("a scrape of both", lambda: len(seen()) == 2)

    def sql(self, statement: str) -> list[list[str]]:
        """Read from the database itself, past everything of ours."""
        url = re.search(r'url = "(postgres:[^"]+)"', self.b_config.read_text())[1]
        ran = subprocess.run([PSQL, "-AtF\t", url, "-c", statement], check=True, capture_output=True, text=True)
        return [line.split("\t") for line in ran.stdout.splitlines()]
