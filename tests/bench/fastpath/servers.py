"""The servers that are compared, each doing the same work on the same core: configurations, processes, tokens.

`Field` starts them in a folder and knows how each is asked. What goes through all of them: one search, answered with the
bytes that the gateway makes of upstream's page; a token of one of many programs; a line in an access log.
"""

import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "tests/lib"))
from receiving import receive  # noqa: E402
from shipped import as_shipped  # noqa: E402

SERVER_CORE, LOAD_CORE = 0, 1
SECRET = "a-secret-of-the-benchmark-long-enough-for-HMAC"
ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
# Upstream has a hundred rows in AU, of which a caller gets fifteen, and no more than fifteen in US.
PATH = "/v3/numbers/search/AU?search=2025&limit=15"
LONG = "/v3/numbers/search/AU?search={}&limit=15"
SHORT = "/v3/numbers/search/US?search={}&limit=15"

GATEWAY = """
[server]
listen = "127.0.0.1:0"
max_connections_per_address = 1000
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "http://127.0.0.1:{upstream}"
username = "bench"
api_key = "bench"
requests_per_minute = 1000000
reserved_for_buying = "0%"
[storage]
url = "sqlite:{folder}/gateway.db"
[audit]
head_file = "{folder}/audit-head"
[cache]
fresh_for = "1h"
stale_for = "24h"
max_bytes = "{cache}"
[limits]
addresses = {{ per_second = 10000000, burst = 10000000 }}
reads = {{ per_second = 10000000, burst = 10000000 }}
misses = {{ per_minute = 10000000, burst = 10000000 }}
[telemetry]
otlp_endpoint = "http://127.0.0.1:{collector}"
sample = "1%"
"""
ISSUER = """
[[auth.issuers]]
name = "{algorithm}"
issuer = "{algorithm}"
audience = "numbers-gateway"
{key} = "{file}"
algorithms = ["{algorithm}"]
"""
# One process and no workers: the processor time is all of it. Sends a page by what was asked, from memory.
NGINX = """
daemon off; master_process off; pid {folder}/nginx-{port}.pid; error_log stderr error;
events {{ worker_connections 2048; }}
http {{
    access_log {log};
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 600; keepalive_requests 1000000000;
    open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
    default_type application/json; add_header Cache-Control "public, max-age=3600";
    map "$uri:$arg_limit" $page {{ "~/AU:100$" /hundred; "~/US:100$" /fifteen; default /answer; }}
    server {{
        listen 127.0.0.1:{port} reuseport; root {folder}/pages;
        location /v3/numbers/search/ {{ rewrite ^ $page break; }}
        location / {{ rewrite ^ /nothing break; }}
    }}
}}
"""
# What a careful operator would write: the algorithm is nailed down, the token is ours and has not run out, its subject
# has a limit; then the cache, which serves nothing to a request that still carries a token. Nothing may reach upstream
# with it either.
HAPROXY = """
global
    nbthread 1
    maxconn 4000
    log stdout format raw local0
    tune.bufsize 65536
defaults
    mode http
    log global
    option httplog
    timeout client 600s
    timeout server 30s
    timeout connect 5s
    timeout http-keep-alive 600s
cache pages
    total-max-size 64
    max-object-size 100000
    max-age 3600
backend subjects
    stick-table type string len 64 size 200k expire 10m store http_req_rate(1s)
backend upstream
    server nginx 127.0.0.1:{upstream}
{frontends}
"""
FRONTEND = """
frontend {algorithm}
    bind 127.0.0.1:{port}
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
    http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
    http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str {algorithm} }}
    http-request deny deny_status 401 unless {{ var(txn.iss) -m str {algorithm} }}
    http-request deny deny_status 401 unless {{ var(txn.aud) -m str numbers-gateway }}
    http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.alg,"{key}") -m int 1 }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request track-sc0 var(txn.sub) table subjects
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 10000000 }}
    http-request del-header Authorization
    http-request cache-use pages
    http-response cache-store pages
    default_backend upstream
"""


@contextlib.contextmanager
def awake():
    """Both cores stay awake: a loop on each that yields to everything. To wake an idle core of a virtual machine takes from
    twenty microseconds to some milliseconds, which is the host's doing, and hits most who does least."""
    loops = [
        subprocess.Popen(pinned(core, "chrt", "--idle", 0, "sh", "-c", "while :; do :; done"))
        for core in (SERVER_CORE, LOAD_CORE)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def pinned(core, *command):
    return ["taskset", "-c", str(core), *map(str, command)]


def row(number):
    return {
        "dedicated_number": f"+6140020{number:04}", "country": "AU", "country_name": "Australia",
        "price_setup": "0.0000", "price_monthly": "20.7100", "price_total": "20.7100", "address_requirement": "local",
    }


def page(rows, total):
    currency = {
        "currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "c",
        "currency_name_long": "Australian Dollars",
    }
    data = {
        "total": total, "per_page": 100, "current_page": 1, "last_page": -(-total // 100), "next_page_url": None,
        "prev_page_url": None, "from": 1, "to": rows, "data": [row(number) for number in range(rows)],
        "_currency": currency,
    }
    return json.dumps(
        {"http_code": 200, "response_code": "SUCCESS", "response_msg": "Here are some numbers.", "data": data}
    )


class Server:
    """A process of the field and where it is asked."""

    def __init__(self, process, port, log=None):
        self.process, self.pid, self.port, self.log = process, process.pid, port, log

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"


class Field:
    """All of them, until `stop`."""

    def __init__(self, folder, gateway, tool):
        self.folder, self.program, self.tool = folder, gateway, tool
        self.servers, self.spans = [], 0
        self.collector = receive(self.took, status=200)
        self.make_keys()
        self.make_pages()

    def took(self, *_):
        self.spans += 1

    def make_keys(self):
        (self.folder / "HS256").write_text(SECRET)
        options = {
            "RS256": ("RSA", "rsa_keygen_bits:2048"), "ES256": ("EC", "ec_paramgen_curve:P-256"), "EdDSA": ("ed25519",),
        }
        for name, (kind, *more) in options.items():
            private, public = self.folder / name, self.folder / f"{name}.pem"
            bits = [word for option in more for word in ("-pkeyopt", option)]
            quiet = {"check": True, "stderr": subprocess.DEVNULL}
            subprocess.run(["openssl", "genpkey", "-algorithm", kind, *bits, "-out", private], **quiet)
            subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], **quiet)
            # Signing needs it, and the gateway reads no private key that others may read.
            private.chmod(0o600)

    def make_pages(self):
        pages = self.folder / "pages"
        pages.mkdir()
        (pages / "hundred").write_text(page(100, 3000))
        (pages / "fifteen").write_text(page(15, 15))
        (pages / "nothing").write_text(
            '{"http_code":200,"response_code":"SUCCESS","response_msg":"Here.","data":{"total":0,"per_page":100,'
            '"current_page":1,"last_page":1,"next_page_url":null,"prev_page_url":null,"from":0,"to":0,"data":[],"user_id":1,"username":"bench"}}'
        )
        for served in pages.iterdir():
            served.chmod(0o644)

    def tokens(self, algorithm, count, first=0):
        """A file with the tokens of as many programs."""
        file = self.folder / f"tokens-{algorithm}-{first}-{count}"
        if not file.exists():
            with file.open("w") as out:
                command = [self.tool, "tokens", self.folder / algorithm, algorithm, first, count]
                subprocess.run(list(map(str, command)), stdout=out, check=True)
        return file

    def start(self, command, port, log=None, core=SERVER_CORE):
        out = open(log, "ab") if log else subprocess.DEVNULL
        process = subprocess.Popen(pinned(core, *command), stdout=out, stderr=out)
        server = Server(process, port, log)
        self.servers.append(server)
        for _ in range(1500):
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended: {log.read_text() if log else ''}")
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return server
            except OSError:
                time.sleep(0.02)
        sys.exit(f"{command[0]} does not listen")

    def nginx(self, core, log=None):
        port = free_port()
        written = self.folder / f"nginx-{port}.conf"
        written.write_text(NGINX.format(folder=self.folder, port=port, log=log or "off"))
        command = ["nginx", "-e", "stderr", "-p", self.folder, "-c", written]
        server = self.start(command, port, self.folder / f"nginx-{port}.log", core)
        server.log = log or server.log
        return server

    def haproxy(self, upstream):
        """One process with a door for each algorithm that it verifies."""
        ports, frontends = {}, ""
        for algorithm in ("HS256", "RS256", "ES256"):
            ports[algorithm] = free_port()
            key = SECRET if algorithm == "HS256" else self.folder / f"{algorithm}.pem"
            frontends += FRONTEND.format(algorithm=algorithm, port=ports[algorithm], key=key)
        written = self.folder / "haproxy.cfg"
        written.write_text(HAPROXY.format(upstream=upstream, frontends=frontends))
        server = self.start(["haproxy", "-db", "-f", written], ports["HS256"], self.folder / "haproxy.log")
        return {name: Server(server.process, port, server.log) for name, port in ports.items()}

    def gateway(self, upstream, name="gateway", cache="64MiB", wrapped=()):
        folder = self.folder / name
        folder.mkdir()
        written = folder / "gateway.toml"
        text = GATEWAY.format(folder=folder, upstream=upstream, collector=self.collector, cache=cache)
        for algorithm in ALGORITHMS:
            key = "secret_file" if algorithm == "HS256" else "public_key_file"
            file = self.folder / (algorithm if algorithm == "HS256" else f"{algorithm}.pem")
            text += ISSUER.format(algorithm=algorithm, key=key, file=file)
        written.write_text(text)
        log = folder / "log"
        with log.open("ab") as out:
            command = pinned(SERVER_CORE, *wrapped, self.program, "serve", "--config", written)
            process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | as_shipped())
        server = Server(process, None, log)
        self.servers.append(server)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            ready = [line for line in log.read_text().splitlines() if '"message":"ready"' in line]
            if ready:
                server.port = int(json.loads(ready[0])["api"].rsplit(":", 1)[1])
                return server
            time.sleep(0.05)
        sys.exit(f"the gateway did not become ready: {log.read_text()}")

    def bare(self, head, body):
        port = free_port()
        (self.folder / "head").write_text("".join(f"{name}: {value}\n" for name, value in head))
        (self.folder / "body").write_bytes(body)
        command = [self.tool, "bare", f"127.0.0.1:{port}", self.folder / "head", self.folder / "body"]
        return self.start(command, port)

    def load(self, server, tokens, **settings):
        """What the tool saw."""
        settings = {"host": server.host, "pid": server.pid, "tokens": tokens, "path": PATH, **settings}
        words = [f"{name}={value}" for name, value in settings.items()]
        done = subprocess.run(pinned(LOAD_CORE, self.tool, "load", *words), capture_output=True, text=True)
        # The log is written, as everywhere; it only need not be kept.
        if server.log:
            os.truncate(server.log, 0)
        if done.returncode:
            sys.exit(f"the load ended: {done.stderr}")
        return json.loads(done.stdout)

    def stop(self):
        for server in self.servers:
            server.process.terminate()
        for server in self.servers:
            try:
                server.process.wait(20)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()


def asked(server, token, path=PATH):
    """One answer: status, its lines, its bytes."""
    connection = http.client.HTTPConnection(server.host, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, answer.getheaders(), answer.read()
