"""256 file descriptors and many more clients: who is served stays served, buys are booked, operators get through.

Clients that are there keep what they have; of those that come meanwhile as many find a place as there are, and the others
are closed as they come. Nothing else may lack a descriptor: a buy whose booking could not be written would be worse than
any number of clients refused.
"""

import http.client
import os
import socket
import threading
import time
import urllib.parse
from pathlib import Path

from asking import bought, sold
from checks import check, run
from pair import Pair, call

FOLDER = Path(os.environ["SUITE_DIR"], "descriptors")
ALLOWED = 256
HERD = 600
EXTRA = """
[server]
listen = "127.0.0.1:0"
header_timeout = "3s"
[cache]
fresh_for = "1s"
"""

PAIR = Pair(FOLDER, EXTRA, own_server=True, through=("prlimit", f"--nofile={ALLOWED}"))
REQUESTER = PAIR.token("rita", "requester")
TARGET = urllib.parse.urlsplit(PAIR.api)
# Four clients buy five times a second at most.
NUMBERS = [number for page in range(1, 5) for number in PAIR.offers("AU", page)]


class Kept:
    """A program that keeps its connection, and what it was answered."""

    def __init__(self):
        self.line = http.client.HTTPConnection(TARGET.hostname, TARGET.port, timeout=60)
        self.answers = []

    def ask(self, method: str, path: str) -> int:
        self.line.request(method, path, headers={"Authorization": f"Bearer {REQUESTER}"})
        answer = self.line.getresponse()
        text = answer.read()
        self.answers.append((answer.status, path, text[:200]))
        return answer.status


class Herd:
    """Connections from many addresses: every other one asks once and stays, the rest begin a head; all come again."""

    def __init__(self, count: int):
        self.count, self.over, self.open, self.refused = count, threading.Event(), 0, 0
        self.threads = [threading.Thread(target=self.come, args=(part,), daemon=True) for part in range(8)]
        for thread in self.threads:
            thread.start()

    def come(self, part: int) -> None:
        held: dict[int, socket.socket] = {}
        while not self.over.is_set():
            for index in range(part, self.count, 8):
                if index not in held:
                    held[index] = self.one(index)
                if self.is_closed(held[index]):
                    held.pop(index).close()
                    self.refused += 1
            self.over.wait(0.2)
        for client in held.values():
            client.close()

    def one(self, index: int) -> socket.socket:
        client = socket.socket()
        client.bind((f"127.0.{1 + index // 250}.{1 + index % 250}", 0))
        client.settimeout(10)
        try:
            client.connect((TARGET.hostname, TARGET.port))
            whole = f"GET /v1/me HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {REQUESTER}\r\n\r\n"
            client.sendall((whole if index % 2 else "GET /v1/me HTTP/1.1\r\nHost:").encode())
        except OSError:
            pass
        client.setblocking(False)
        return client

    @staticmethod
    def is_closed(client: socket.socket) -> bool:
        try:
            while chunk := client.recv(65536):
                if not chunk:
                    break
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True

    def leave(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(30)


def descriptors() -> int:
    return len(os.listdir(f"/proc/{PAIR.server.process.pid}/fd"))


def connections() -> int:
    """As the gateway itself counts them."""
    _, _, text = call(f"{PAIR.ops}/metrics")
    lines = text.decode().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("numbers_gateway_connections ")))


def buy(client: Kept, number: str) -> int:
    return client.ask("POST", f"/v3/numbers/buy/{urllib.parse.quote(number, safe='')}")


def those_who_are_served(clients: list[Kept]) -> int:
    """Search and buy for a while, as operators look; at most so many descriptors were open."""
    numbers, most, rounds, until = iter(NUMBERS[:-1]), 0, 0, time.monotonic() + 12
    while time.monotonic() < until:
        for index, client in enumerate(clients):
            client.ask("GET", f"/v3/numbers/search/US?search={rounds:03}{index}")
            assert buy(client, next(numbers)) == 200, client.answers[-1]
        rounds += 1
        assert call(f"{PAIR.ops}/readyz")[0] == 200
        most = max(most, descriptors())
        time.sleep(0.2)
    return most


@check
def who_is_served_stays_served_while_hundreds_come_and_operators_get_through():
    clients = [Kept() for _ in range(4)]
    assert [client.ask("GET", "/v1/me") for client in clients] == [200] * 4
    herd = Herd(HERD)
    try:
        most = those_who_are_served(clients)
        inside, refused = connections(), herd.refused
    finally:
        herd.leave()
    wrong = [answer for client in clients for answer in client.answers if answer[0] != 200]
    total = sum(len(client.answers) for client in clients)
    print(f"  {total} requests of 4 clients beside {HERD} others: {len(wrong)} failed; {inside} connections inside, "
          f"{refused} closed; at most {most} of {ALLOWED} descriptors")  # fmt: skip
    assert not wrong, wrong[:5]
    assert refused > HERD - ALLOWED, f"only {refused} found no place"
    assert most < ALLOWED - 32, f"{most} descriptors"


@check
def it_recovers_by_itself_when_they_leave():
    deadline = time.monotonic() + 10
    while connections() > 10:
        assert time.monotonic() < deadline, f"{connections()} connections are still open"
        time.sleep(0.1)
    fresh = [Kept() for _ in range(20)]
    assert [client.ask("GET", "/v1/me") for client in fresh] == [200] * 20
    assert buy(fresh[0], NUMBERS[-1]) == 200
    assert call(f"{PAIR.ops}/readyz")[0] == 200
    assert PAIR.server.process.poll() is None


@check
def nothing_was_lost_on_the_way():
    assert sorted(sold(PAIR)) == sorted(bought(PAIR, PAIR.token("ada", "administrator")))
    PAIR.server.stop()
    assert PAIR.server.process.returncode == 0
    log = (FOLDER / "gateway.log").read_text()
    assert "panicked" not in log and "Too many open files" not in log, log[-2000:]
    assert "file descriptors" in log, "the start says that there are fewer places"
    verified = PAIR.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout


run()
