"""Sends what nobody would send: good requests, bitten into. No 5xx, no panic, no memory lost.

    mutate.py SECONDS

The seed is random and printed; MUTATIONS_SEED repeats a run, in which case N is always the same bytes but for ids and
tokens. A case that is answered 5xx is printed as base64.
"""

import base64
import collections
import os
import random
import re
import secrets
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from pair import Pair
from seeds import seeds, uncovered

SEED = os.environ.get("MUTATIONS_SEED") or str(secrets.randbelow(1_000_000))
FOLDER = Path(os.environ["SUITE_DIR"])
THREADS = 8
# An answer that takes longer is not waited for: a request that was cut short gets its answer after 10 s.
PATIENCE = 0.4
# What the process may hold more at the end than after a fifth of the run: caches and the allocator's own.
MORE_MIB = 24
LONGEST = 200_000

# The cache of searches is as small as it may be, so that it is full before the memory is measured.
CONFIGURATION = '[cache]\nmax_bytes = "1MiB"\n'

WORDS = [
    b"\r\n", b"\n", b"\x00", b"%00", b"%2e%2e%2f", b"%ff", b"\xff\xfe", "é".encode(), "💥".encode(), b"\xed\xa0\x80",
    b"\xe2\x80\xae", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 18446744073709551616\r\n",
    b"Content-Encoding: gzip\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n",
    b"Host: other\r\n", b"If-None-Match: *\r\n", b"Range: bytes=0-1\r\n", b"X-Request-Id: \x7f\r\n", b"Prefer: wait=999\r\n",
    b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"null", b"true", b"[]", b"{}", b"1e999", b"-0", b"9223372036854775808",
    b"18446744073709551615", b"\\ud800", b"\\u0000", b'"', b"{{{{{{{{{{{{{{{{{{{{", b"[[[[[[[[[[[[[[[[[[[[[[[[[[[", b"?", b"&", b"=", b"%",
    b"/", b"//", b"/../", b";", b"#", b"HTTP/1.0", b"HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]  # fmt: skip
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"get", b"QUERY"]


def place(case: bytes, rng: random.Random) -> int:
    """Where to bite: mostly not into the token, or nearly all that is seen is 401."""
    at = rng.randrange(len(case))
    token = re.search(rb"Authorization: Bearer [^\r]*", case)
    if token and token.start() <= at < token.end() and rng.random() < 0.9:
        return rng.randrange(token.end(), len(case)) if token.end() < len(case) else at
    return at


def flipped(case: bytes, rng: random.Random, _all) -> bytes:
    changed = bytearray(case)
    for _ in range(rng.choice([1, 1, 2, 8])):
        changed[place(case, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def inserted(case: bytes, rng: random.Random, _all) -> bytes:
    at = place(case, rng)
    return case[:at] + rng.choice(WORDS) + case[at:]


def replaced(case: bytes, rng: random.Random, _all) -> bytes:
    start = place(case, rng)
    return case[:start] + rng.choice(WORDS) + case[start + rng.randrange(1, 20) :]


def removed(case: bytes, rng: random.Random, _all) -> bytes:
    start = place(case, rng)
    return case[:start] + case[start + rng.randrange(1, 60) :]


def repeated(case: bytes, rng: random.Random, _all) -> bytes:
    start = place(case, rng)
    end = start + rng.randrange(1, 80)
    return case[:end] + case[start:end] * rng.choice([1, 2, 50]) + case[end:]


def spliced(case: bytes, rng: random.Random, everything: list[bytes]) -> bytes:
    other = rng.choice(everything)
    return case[: rng.randrange(len(case))] + other[rng.randrange(len(other)) :]


def cut(case: bytes, rng: random.Random, _all) -> bytes:
    return case[: rng.randrange(1, len(case) + 1)]


def stretched(case: bytes, rng: random.Random, _all) -> bytes:
    at = place(case, rng)
    what = rng.choice([b"A", b"9", b"%41", b"\xc3\xa9", b" ", b"\t", b",", b'{"a":'])
    return case[:at] + what * rng.choice([300, 5_000, 40_000]) + case[at:]


def line_doubled(case: bytes, rng: random.Random, _all) -> bytes:
    head, _, body = case.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.insert(rng.randrange(len(lines)) + 1, rng.choice(lines))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def line_dropped(case: bytes, rng: random.Random, _all) -> bytes:
    head, _, body = case.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    del lines[rng.randrange(len(lines))]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(case: bytes, rng: random.Random, _all) -> bytes:
    """The body in chunks: well formed, or nearly."""
    head, _, body = case.partition(b"\r\n\r\n")
    head = re.sub(rb"\r\nContent-Length:[^\r]*", b"", head) + b"\r\nTransfer-Encoding: chunked"
    size = rng.randrange(1, 40)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part) + (rng.random() < 0.02), part) for part in parts)
    return head + b"\r\n\r\n" + chunks + rng.choice([b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b""])


def fitting(case: bytes, _rng, _all) -> bytes:
    """The length set right again, so that what was done to the body is read."""
    head, _, body = case.partition(b"\r\n\r\n")
    return re.sub(rb"Content-Length:[^\r]*", b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body


def other_method(case: bytes, rng: random.Random, _all) -> bytes:
    return rng.choice(METHODS) + case[case.find(b" ") :]


def pipelined(case: bytes, rng: random.Random, everything: list[bytes]) -> bytes:
    return case + rng.choice(everything)


MUTATIONS = [
    flipped, flipped, inserted, inserted, replaced, replaced, removed, repeated, spliced, cut, stretched, line_doubled,
    line_dropped, chunked, other_method, pipelined,
]  # fmt: skip


def case_of(number: int, everything: list[bytes]) -> bytes:
    rng = random.Random(f"{SEED}:{number}")
    case = rng.choice(everything)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
        case = rng.choice(MUTATIONS)(case, rng, everything) or b"\r\n"
    if rng.random() < 0.5 and b"\r\n\r\n" in case:
        case = fitting(case, rng, everything)
    return case[:LONGEST]


def answered(address: tuple, case: bytes) -> list[int]:
    """The statuses that come back for it: until the connection ends, or nothing more comes."""
    read = b""
    with socket.create_connection(address, timeout=5) as stream:
        stream.settimeout(PATIENCE)
        try:
            stream.sendall(case)
            while chunk := stream.recv(65536):
                read += chunk
                if is_whole(read):
                    break
        except (OSError, TimeoutError):
            pass
    return [int(status) for status in re.findall(rb"(?:^|\r\n\r\n|\})HTTP/1\.[01] (\d{3})", read)]


def is_whole(read: bytes) -> bool:
    head, end, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


class Run:
    def __init__(self, pair: Pair, everything: list[bytes], seconds: float):
        self.address = (urlsplit(pair.api).hostname, urlsplit(pair.api).port)
        self.everything, self.end = everything, time.monotonic() + seconds
        self.lock, self.number = threading.Lock(), 0
        self.statuses, self.bad = collections.Counter(), []

    def work(self) -> None:
        while time.monotonic() < self.end and len(self.bad) < 5:
            with self.lock:
                number = self.number
                self.number += 1
            case = case_of(number, self.everything)
            statuses = answered(self.address, case)
            with self.lock:
                self.statuses.update(statuses or [0])
                if any(status >= 500 for status in statuses):
                    self.bad.append((number, statuses, case))


def main(seconds: float) -> None:
    print(f"seed {SEED}", flush=True)
    pair = Pair(FOLDER / "pair", CONFIGURATION)
    everything = seeds(pair)
    missing = uncovered(pair, everything)
    assert not missing, f"no seed for {missing}"
    run = Run(pair, everything, seconds)
    threads = [threading.Thread(target=run.work, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 5)
    warm = pair.server.resident_kib()
    for thread in threads:
        thread.join(seconds + 60)
    after = pair.server.resident_kib()
    pair.stop()
    log = (FOLDER / "pair" / "gateway.log").read_text(errors="replace")
    print(f"{run.number} cases; answers by status (0 is none): {dict(sorted(run.statuses.items()))}")
    print(f"memory: {warm} KiB after a fifth, {after} KiB at the end")
    for number, statuses, case in run.bad:
        print(f"case {number}: {statuses}\n{base64.b64encode(case[:4000]).decode()}")
    assert not run.bad, "a server error"
    assert "panicked" not in log, "a panic: " + log[log.index("panicked") - 200 :][:1000]
    assert pair.server.process.returncode == 0, f"the gateway ended with {pair.server.process.returncode}"
    assert after <= warm + MORE_MIB * 1024, f"{after - warm} KiB more than after warming up"
    # A run that never gets past the edge shows nothing.
    assert all(run.statuses[status] > 10 for status in (200, 201, 303, 400, 401, 403, 404, 405, 409, 431)), run.statuses
    assert run.number > seconds * 20, f"only {run.number} cases"


if __name__ == "__main__":
    main(float(sys.argv[1]))
