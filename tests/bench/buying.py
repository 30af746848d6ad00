"""What a buy costs beyond upstream, with durable commits: a ratio to this machine's own fdatasync, in the same run.

    buying.py PROGRAM [BUYS]

Each round does three things one after the other: the upstream calls of a buy made directly (search, buy), a whole buy
through the gateway, and one 4 KiB append with fdatasync on the disk of its database. What the gateway adds is the
second less the first; the third is what one durable commit cannot be cheaper than.

The goal was three times an fdatasync at the 99th percentile. Where an fdatasync takes 0.25 to 0.35 ms, 9 to 11 is what
was measured (2.3 to 2.6 ms at the median, 3.5 to 4.1 ms at the 99th percentile). A profile says what remains: two
commits with their two fsyncs of a dozen pages each, 0.5 ms; 0.6 ms of SQLite's own work in them, spread over some sixty
statements of which none stands out; 0.9 ms for one request served and two made (sockets, wake-ups of threads, one
reading); the rest is waiting for a core. Before, it was three commits and eight readings, and 4.5 ms at the median.
Exit 1 when it is above ALLOWED, so that no change makes it worse unseen.
"""

import base64
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

WARM_UP = 20
ALLOWED = 15.0
CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "{upstream}"
username = "simulator"
api_key = "simulator-key"
requests_per_minute = 6000
[storage]
url = "sqlite:{folder}/gateway.db"
[audit]
head_file = "{folder}/audit-head"
{issuer}
[budget]
currency = "AUD"
[teams.growth]
budget = {{ spend_per_month = "1000000.00", recurring_per_month = "1000000.00" }}
[[policy.rules]]
name = "everything"
when = {{ action = "buy" }}
then = "allow"
[limits]
addresses = {{ per_second = 100000, burst = 100000 }}
reads = {{ per_second = 100000, burst = 100000 }}
writes = {{ per_minute = 1000000, burst = 100000 }}
purchases_per_day = {{ subject = 1000000, team = 1000000 }}
"""
SIMULATOR_KEY = "Basic " + base64.b64encode(b"simulator:simulator-key").decode()


def spawn(*command, ready):
    """A server, and the first line of its standard error or output that `ready` makes something of."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if found := ready(line):
            # From here on somebody has to read what it says, or the pipe fills.
            subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
            return process, found
    sys.exit(f"{command} did not become ready:\n{''.join(said)}")


def gateway_ready(line):
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event["api"] if event.get("message") == "ready" else None


def simulator_ready(line):
    return line.split("http://")[1].split()[0].rstrip("/.,") if "http://" in line else None


def call(host, method, path, authorization, body=None):
    """One request on a connection of its own, as the gateway buys; the answer's JSON."""
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    connection.request(method, path, body=body and json.dumps(body), headers=headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, body
    return body


def timed(work, *arguments):
    began = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - began) * 1000


def directly(simulator, number):
    plus = number.replace("+", "%2B")
    call(simulator, "GET", f"/v3/numbers/search/AU?search={number[1:]}&search_type=1&limit=100&page=1", SIMULATOR_KEY)
    call(simulator, "POST", f"/v3/numbers/buy/{plus}", SIMULATOR_KEY)


def append(file):
    os.write(file, b"x" * 4096)
    os.fdatasync(file)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def told(name, values):
    line = f"{statistics.median(values):7.2f} ms median {percentile(values, 0.99):7.2f} ms p99"
    print(f"{name:32} {line}")


def measure(program, buys):
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "target")) as folder:
        folder = pathlib.Path(folder).resolve()
        keys = subprocess.run(
            [program, "keys", "generate", "--out", str(folder / "keys")], capture_output=True, text=True, check=True
        )
        simulator, upstream = spawn(program, "simulator", "--listen", "127.0.0.1:0", ready=simulator_ready)
        configuration = folder / "gateway.toml"
        configuration.write_text(
            CONFIGURATION.format(upstream=f"http://{upstream}", folder=folder, issuer=keys.stdout)
        )
        gateway = None
        try:
            gateway, api = spawn(program, "serve", "--config", str(configuration), ready=gateway_ready)
            key = next(path for path in (folder / "keys").iterdir() if "private" in path.name)
            token = subprocess.run(
                [program, "token", "--subject", "bench", "--team", "growth", "--role", "requester"]
                + ["--key-file", str(key)],
                capture_output=True, text=True, check=True,
            ).stdout.strip()
            return rounds(upstream, api, f"Bearer {token}", folder, buys)
        finally:
            for process in filter(None, (gateway, simulator)):
                process.terminate()
                process.wait()


def rounds(upstream, api, authorization, folder, buys):
    call(upstream, "POST", "/_simulator/balance", SIMULATOR_KEY, {"balance": "1000000.00"})
    offers = []
    for page in range(1, 100):
        rows = call(upstream, "GET", f"/v3/numbers/search/AU?limit=100&page={page}", SIMULATOR_KEY)["data"]["data"]
        offers += [row["dedicated_number"] for row in rows]
        if len(rows) < 100 or len(offers) >= 2 * (buys + WARM_UP):
            break
    buys = min(buys, len(offers) // 2 - WARM_UP)
    direct, through, sync = [], [], []
    file = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for index in range(buys + WARM_UP):
        first, second = offers[2 * index], offers[2 * index + 1]
        direct.append(timed(directly, upstream, first))
        through.append(timed(call, api, "POST", f"/v3/numbers/buy/{second.replace('+', '%2B')}", authorization))
        sync.append(timed(append, file))
    os.close(file)
    return direct[WARM_UP:], through[WARM_UP:], sync[WARM_UP:]


def main():
    buys = int(sys.argv[2]) if sys.argv[2:] and sys.argv[2] else 150
    direct, through, sync = measure(sys.argv[1], buys)
    added = [one - other for one, other in zip(through, direct)]
    print(f"{len(added)} buys, one after the other")
    told("upstream alone", direct)
    told("through the gateway", through)
    told("added by the gateway", added)
    told("one fdatasync of 4 KiB", sync)
    ratio = percentile(added, 0.99) / percentile(sync, 0.99)
    median = statistics.median(added) / statistics.median(sync)
    print(f"added / fdatasync: {ratio:.2f} at p99 (allowed {ALLOWED}), {median:.2f} at the median")
    sys.exit(ratio > ALLOWED)


if __name__ == "__main__":
    main()
