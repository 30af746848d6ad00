"""Those who mean no good, or are not well: collectors that fail, and requests that try to make series."""

import contextlib
import http.client
import http.server
import random
import socket
import threading

SUBJECT = "subject-of-nobody-7be1"
METHODS = [b"GET", b"PUT", b"PATCH", b"BREW", b"XMETHOD%d", b"DELETE", b"POST"]


@contextlib.contextmanager
def down():
    """A port where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    yield port


@contextlib.contextmanager
def refuses():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_error(503)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@contextlib.contextmanager
def hangs():
    """Takes the connection and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def collectors() -> dict:
    return {"is down": down(), "refuses": refuses(), "hangs": hangs()}


def burst(host: str, token: str, requests: int) -> None:
    connection = http.client.HTTPConnection(*host.split(":"), timeout=60)
    for _ in range(requests):
        connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})
        connection.getresponse().read()


def paths(host: str, token: str, requests: int) -> int:
    """So many requests, each with a path, a method and an agent of its own and some with somebody unknown; how many were
    answered."""
    each, answered, threads = requests // 8, [], []
    for worker in range(8):
        threads.append(threading.Thread(target=lambda w=worker: answered.append(_worker(host, token, each, w))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return sum(answered)


def _worker(host: str, token: str, requests: int, seed: int) -> int:
    dice, answered, connection = random.Random(seed), 0, None
    address = host.split(":")
    while answered < requests:
        if connection is None:
            connection = http.client.HTTPConnection(*address, timeout=60)
        try:
            method = dice.choice(METHODS)
            method = (method % answered if b"%d" in method else method).decode()
            connection.request(method, _path(dice, answered, seed), headers=_headers(dice, token, answered, seed))
            response = connection.getresponse()
            response.read()
            answered += 1
            if response.will_close:
                connection.close()
                connection = None
        except (http.client.HTTPException, OSError):
            # Refused without an answer counts as well: it was sent.
            answered += 1
            connection.close()
            connection = None
    return answered


def _path(dice: random.Random, n: int, seed: int) -> str:
    return dice.choice([
        f"/x{seed}-{n}", f"/v1/purchases/{dice.getrandbits(128):032x}", f"/v3/numbers/search/{dice.choice('ABCXYZ')}{n}",
        f"/v3/numbers/registrations/number-types/t{n}/country/{n}", f"/v1/audit?target=purchase/{n}&a{n}={seed}",
        f"/console/purchases/{n}", f"/v3/numbers/buy/%2B{n}{seed}", f"/v1/notices/{n}?x={seed}",
    ])  # fmt: skip


def _headers(dice: random.Random, token: str, n: int, seed: int) -> dict:
    known = {"Authorization": f"Bearer {token}"}
    unknown = {"Authorization": f"Bearer {SUBJECT}.{seed}.{n}"}
    more = dice.choice([known, unknown, {}])
    return {**more, "User-Agent": f"agent-{seed}-{n}", "X-Request-Id": f"hostile-{seed}-{n}", "Content-Length": "0"}
