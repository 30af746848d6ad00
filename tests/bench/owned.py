"""How long a page of owned numbers takes with 100,000 of them, and what reading 10,000 from upstream costs.

    owned.py PROGRAM [ROUNDS]

The simulator sells 10,000 numbers; the gateway reads its list: a hundred calls, and the peak of its memory is looked at.
Then its mirror is filled to 100,000 rows of twenty teams and of nobody, while no gateway runs, and pages of 50 are asked
for by cursors all over it: by somebody who sees all, by a team with few numbers among many, and by a team beside what is
nobody's. Exit 1 when the 99th percentile of one of them is above 20 ms, or the memory above 128 MiB.
"""

import http.client
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

from buying import CONFIGURATION, gateway_ready, percentile, simulator_ready, spawn, told

LISTED = 10_000
ROWS = 100_000
TEAMS = 20
ALLOWED = 20.0
MEMORY_ALLOWED = 128.0


def ready(line):
    return gateway_ready(line) and json.loads(line)


def ask(host, method, path, body=None, authorization=None):
    connection = http.client.HTTPConnection(host, timeout=60)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {authorization}"} if authorization else {})
    connection.request(method, path, body=body and json.dumps(body), headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, (path, answer.status, text)
    return text


def peak(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def read_list(program, configuration, simulator):
    """Seconds, calls and mebibytes of one complete list."""
    began = time.perf_counter()
    gateway, told_of = spawn(program, "serve", "--config", str(configuration), ready=ready)
    try:
        while 'numbers_gateway_scans_total{outcome="complete"} 0' in ask(told_of["ops"], "GET", "/metrics"):
            assert time.perf_counter() - began < 300, "the list was not read"
            time.sleep(0.1)
        taken = time.perf_counter() - began
        calls = json.loads(ask(simulator, "GET", "/_simulator/ledger?operation=list"))["requests_received"]
        return taken, calls, peak(gateway)
    finally:
        gateway.terminate()
        gateway.wait()


def fill(database):
    """The mirror grown to ROWS; the last team has ten."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        first = dict(connection.execute("SELECT * FROM owned_rows ORDER BY number LIMIT 1").fetchone())
        have = connection.execute("SELECT count(*) FROM owned_rows").fetchone()[0]
        dice = random.Random(8)
        rows = []
        for index in range(ROWS - have):
            number = f"+6199{index:08}"
            team = "" if index % 3 == 0 else f"team{dice.randrange(TEAMS - 1)}"
            listing = json.loads(first["listing"]) | {"dedicated_number": number, "number_guid": f"G{index}"}
            rows.append(first | {
                "number": number, "guid": f"G{index}", "team": "few" if index % 9_000 == 0 else team,
                "position": have + index + 1, "listing": json.dumps(listing),
            })
        connection.executemany(
            f"INSERT INTO owned_rows ({', '.join(first)}) VALUES ({', '.join(':' + column for column in first)})", rows
        )
        return [row["number"] for row in rows]


def timed(connection, authorization, cursor):
    began = time.perf_counter()
    path = f"/v1/numbers?limit=50&cursor={cursor.replace('+', '%2B')}"
    connection.request("GET", path, headers={"Authorization": f"Bearer {authorization}"})
    answer = connection.getresponse()
    page = answer.read()
    taken = (time.perf_counter() - began) * 1000
    assert answer.status == 200, page
    return taken


def measure(program, folder, rounds):
    keys = subprocess.run(
        [program, "keys", "generate", "--out", str(folder / "keys")], capture_output=True, text=True, check=True
    )
    key = next(path for path in (folder / "keys").iterdir() if "private" in path.name)
    simulator, upstream = spawn(program, "simulator", "--listen", "127.0.0.1:0", ready=simulator_ready)
    teams = "".join(f"\n[teams.team{index}]\n" for index in range(TEAMS - 1)) + "\n[teams.few]\n"
    configuration = folder / "gateway.toml"
    text = CONFIGURATION.format(upstream=f"http://{upstream}", folder=folder, issuer=keys.stdout)
    text = text.replace("[budget]\n", "[budget]\nspend_per_month = \"1000000.00\"\n")
    configuration.write_text(text + teams + '\n[purchases]\nsweep_every = "24h"\n')
    try:
        ask(upstream, "POST", "/_simulator/sell", {"country": "US", "count": LISTED})
        taken, calls, memory = read_list(program, configuration, upstream)
        print(f"{LISTED} numbers were read in {taken:.1f} s by {calls} calls; the peak of memory was {memory:.1f} MiB")
        numbers = fill(folder / "gateway.db")
        ask(upstream, "POST", "/_simulator/faults", {"operation": "list", "fault": "html_500_before_sale"})
        gateway, api = spawn(program, "serve", "--config", str(configuration), ready=gateway_ready)
        try:
            connection = http.client.HTTPConnection(api)
            dice = random.Random(9)
            who = {
                "all of them": token_of(program, key, "eve", "few", "auditor"),
                "a team with few": token_of(program, key, "fay", "few", "viewer"),
                "a team and nobody's": token_of(program, key, "gus", "team3", "viewer"),
            }
            pages = {
                name: [timed(connection, by, dice.choice(numbers)) for _ in range(rounds)] for name, by in who.items()
            }
            return calls, memory, pages
        finally:
            gateway.terminate()
            gateway.wait()
    finally:
        simulator.terminate()
        simulator.wait()


def token_of(program, key, subject, team, role):
    made = subprocess.run(
        [program, "token", "--subject", subject, "--team", team, "--role", role, "--key-file", str(key)],
        capture_output=True, text=True, check=True,
    )
    return made.stdout.strip()


def main():
    rounds = int(sys.argv[2]) if sys.argv[2:] and sys.argv[2] else 500
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "target")) as folder:
        calls, memory, pages = measure(sys.argv[1], pathlib.Path(folder).resolve(), rounds)
    print(f"pages of 50 among {ROWS} rows, {rounds} times each")
    for name, taken in pages.items():
        told(name, taken)
    worst = max(percentile(taken, 0.99) for taken in pages.values())
    print(f"the slowest p99 is {worst:.2f} ms (allowed {ALLOWED}), the memory {memory:.1f} MiB (allowed {MEMORY_ALLOWED})")
    sys.exit(worst > ALLOWED or memory > MEMORY_ALLOWED or calls > LISTED // 100)


if __name__ == "__main__":
    main()
