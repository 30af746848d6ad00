"""Whether tokens that name unknown keys slow down users whose keys are known, and what they cost the issuer.

    keys.py PROGRAM [SECONDS]

A user asks /v1/me again and again while a stranger sends 10,000 refused tokens a minute. In every other slice the
stranger's tokens name a random `kid`; in the rest they name the known key and are signed by nobody, which costs the
machine as much and the issuer nothing. The user's 99th percentiles of both are compared, from one run. Exit 1 when the
ratio is above what is allowed, or when the issuer was asked more than twice a minute.
"""

import base64
import http.client
import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from buying import gateway_ready, percentile, simulator_ready, spawn

ALLOWED = 1.5
FETCHES_A_MINUTE = 2
SLICE = 2.5
PER_SECOND = 10_000 / 60
CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "{upstream}"
username = "simulator"
api_key = "simulator-key"
[storage]
url = "sqlite:{folder}/gateway.db"
[audit]
head_file = "{folder}/audit-head"
[limits]
addresses = {{ per_second = 100000, burst = 100000 }}
reads = {{ per_second = 100000, burst = 100000 }}
[[auth.issuers]]
name = "sso"
issuer = "{issuer}"
audience = "numbers-gateway"
jwks_url = "{issuer}/keys"
algorithms = ["EdDSA"]
"""


def encoded(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


class Issuer:
    """Serves one Ed25519 key and counts who asks."""

    def __init__(self, public_pem):
        # The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key (RFC 8410).
        der = base64.b64decode("".join(line for line in public_pem.splitlines() if "---" not in line))
        key = {"kty": "OKP", "crv": "Ed25519", "kid": "known", "use": "sig", "alg": "EdDSA", "x": encoded(der[-32:])}
        body = json.dumps({"keys": [key]}).encode()
        issuer = self
        self.fetches = 0

        class Keys(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetches += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Caller:
    """Asks /v1/me on one kept connection."""

    def __init__(self, api):
        self.connection = http.client.HTTPConnection(api, timeout=30)

    def ask(self, token):
        began = time.perf_counter()
        self.connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, (time.perf_counter() - began) * 1000


def stranger(api, issuer, unknown, stop):
    """Sends tokens at its rate; `unknown` says whether they name unknown keys."""
    caller = Caller(api)
    claims = encoded(json.dumps({"iss": issuer, "aud": "numbers-gateway", "sub": "x"}).encode())
    due = time.perf_counter()
    while not stop.is_set():
        kid = os.urandom(8).hex() if unknown.is_set() else "known"
        header = encoded(json.dumps({"alg": "EdDSA", "kid": kid}).encode())
        status, _ = caller.ask(f"{header}.{claims}.{encoded(os.urandom(64))}")
        assert status == 401, status
        due += 1 / PER_SECOND
        time.sleep(max(0, due - time.perf_counter()))


def measure(api, issuer, token, seconds):
    unknown, stop = threading.Event(), threading.Event()
    flood = threading.Thread(target=stranger, args=(api, issuer.url, unknown, stop), daemon=True)
    flood.start()
    user, latencies = Caller(api), {False: [], True: []}
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        is_unknown = int(passed / SLICE) % 2 == 1
        (unknown.set if is_unknown else unknown.clear)()
        status, elapsed = user.ask(token)
        assert status == 200, status
        latencies[is_unknown].append(elapsed)
        time.sleep(0.002)
    stop.set()
    flood.join()
    return latencies


def run(program, seconds):
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "target")) as folder:
        folder = pathlib.Path(folder).resolve()
        subprocess.run([program, "keys", "generate", "--out", str(folder / "keys")], capture_output=True, check=True)
        private, public = (next((folder / "keys").glob(f"*{half}*")) for half in ("private", "public"))
        issuer = Issuer(public.read_text())
        token = subprocess.run(
            [program, "token", "--subject", "ann", "--role", "viewer", "--key-file", str(private), "--kid", "known"]
            + ["--issuer", issuer.url, "--audience", "numbers-gateway"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        servers = []
        try:
            simulator, upstream = spawn(program, "simulator", "--listen", "127.0.0.1:0", ready=simulator_ready)
            servers.append(simulator)
            configuration = folder / "gateway.toml"
            configuration.write_text(
                CONFIGURATION.format(upstream=f"http://{upstream}", folder=folder, issuer=issuer.url)
            )
            gateway, api = spawn(program, "serve", "--config", str(configuration), ready=gateway_ready)
            servers.append(gateway)
            warm_up = Caller(api)
            for _ in range(200):
                assert warm_up.ask(token)[0] == 200
            before = issuer.fetches
            latencies = measure(api, issuer, token, seconds)
            return latencies, issuer.fetches - before
        finally:
            for server in servers:
                server.terminate()
                server.wait()


def main():
    seconds = int(sys.argv[2]) if sys.argv[2:] else 60
    latencies, fetches = run(sys.argv[1], seconds)
    for name, values in (("known key, wrong signature", latencies[False]), ("random kids", latencies[True])):
        figures = f"{statistics.median(values):6.2f} ms median {percentile(values, 0.99):6.2f} ms p99"
        print(f"a user while a stranger sends {name:27} {figures} of {len(values)}")
    ratio = percentile(latencies[True], 0.99) / percentile(latencies[False], 0.99)
    print(f"p99 ratio {ratio:.2f} (allowed {ALLOWED}); {fetches} fetches in {seconds} s (allowed {FETCHES_A_MINUTE} a minute)")
    sys.exit(ratio > ALLOWED or fetches > FETCHES_A_MINUTE * max(1, seconds // 60))


if __name__ == "__main__":
    main()
