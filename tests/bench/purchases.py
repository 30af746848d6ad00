"""How many purchases a second the gateway makes, against the same statements by the engine's own tool, in the same run.

    purchases.py PROGRAM PARTS [SECONDS]

PARTS is the example `purchases`; GATEWAY_TEST_POSTGRES names a PostgreSQL whose log, with every statement, is
GATEWAY_TEST_POSTGRES_LOG. One purchase is made on it and written down: each statement with its values, in transactions. Then,
on each engine, with durable commits on the same disk:

  the gateway   CALLERS callers at once buy, each a number after the other; ClickSend is an answer without delay
  its own tool  the same transactions without a gateway: pgbench (prepared, by one client and by eight, the better counts),
                and a loop over rusqlite

The gateway groups commits and the tool does not; the tool has no HTTP, no tokens, no rules, no quote and nothing to decide. Exit
1 when the gateway makes less than 60 % of what the tool does.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from buying import CONFIGURATION, gateway_ready, spawn

CALLERS = 64
LEAST = 0.6
ROUNDS = 3
# What a gateway asks for by itself: who leads, who is there, what is new.
BY_ITSELF = ("pg_try_advisory", "pg_stat_activity", "pg_backend_pid", "SET ", "LISTEN", "current_setting")


def configure(folder, upstream, database):
    keys = subprocess.run(
        [PROGRAM, "keys", "generate", "--out", str(folder / "keys")], capture_output=True, text=True, check=True
    )
    text = CONFIGURATION.format(upstream=f"http://{upstream}", folder=folder, issuer=keys.stdout)
    changes = {
        f'url = "sqlite:{folder}/gateway.db"': f'url = "{database}"\nemergency_file = "{folder}/emergency"',
        "requests_per_minute = 6000": "requests_per_minute = 1000000",
        '"1000000.00"': '"1000000000.00"',
        "writes = { per_minute = 1000000, burst = 100000 }": "writes = { per_minute = 60000000, burst = 1000000 }",
        "reads = { per_second = 100000, burst = 100000 }": "reads = { per_second = 1000000, burst = 1000000 }",
        "addresses = { per_second = 100000, burst = 100000 }": "addresses = { per_second = 1000000, burst = 1000000 }",
    }
    for usual, other in changes.items():
        assert usual in text, usual
        text = text.replace(usual, other)
    file = folder / "gateway.toml"
    file.write_text(text)
    key = next(path for path in (folder / "keys").iterdir() if "private" in path.name)
    token = subprocess.run(
        [PROGRAM, "token", "--subject", "bench", "--team", "growth", "--role", "requester", "--key-file", str(key)],
        capture_output=True, text=True, check=True,
    ).stdout.strip()
    return file, token


def part(*arguments):
    """One of the cheap parts, and the figure that it prints."""
    done = subprocess.run([PARTS, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def load(api, token, callers, seconds):
    return part("load", api, token, callers, seconds)


# --- one purchase, written down -----------------------------------------------------------------

def values(detail):
    found = re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')", detail)
    return [None if value == "NULL" else value[1:-1].replace("''", "'") for value in found]


def statements(log):
    """Session, text and values of each statement, as the server logged them."""
    said = []
    for line in log.splitlines():
        if line.startswith("\t") and said:
            said[-1][1] += " " + line.strip()
        elif match := re.match(r"(\d+) LOG:  (?:statement|execute [^:]*): (.*)", line):
            said.append([match[1], match[2], []])
        elif match := re.match(r"(\d+) DETAIL:  [Pp]arameters: (.*)", line):
            next(one for one in reversed(said) if one[0] == match[1])[2] = values(match[2])
    return [one for one in said if not any(word in one[1] for word in BY_ITSELF)]


def transactions(said):
    """What stands between BEGIN and COMMIT of each session, in the order in which they began."""
    found, open_in = [], {}
    for session, text, params in said:
        if text.startswith("BEGIN"):
            open_in[session] = {"writes": "READ ONLY" not in text, "statements": []}
            found.append(open_in[session])
        elif session in open_in:
            if text.rstrip(";").endswith("COMMIT"):
                del open_in[session]
            elif "SAVEPOINT" not in text and "RELEASE" not in text:
                open_in[session]["statements"].append((" ".join(text.split()), params))
    return [one for one in found if one["statements"]]


def template(found):
    """Names for the values that differ from purchase to purchase."""
    inserts = [
        (text, params) for one in found for text, params in one["statements"] if text.startswith("INSERT INTO")
    ]
    purchase = next(params for text, params in inserts if text.startswith("INSERT INTO purchases"))
    attempt = next(params for text, params in inserts if text.startswith("INSERT INTO attempts"))
    number = next(value for value in purchase if value and re.fullmatch(r"\+61\d+", value))
    names = {purchase[0]: "purchase", attempt[0]: "attempt", number: "number"}
    for one in found:
        event = 0
        described = []
        for text, params in one["statements"]:
            params = [{"is": names[value]} if value in names else value for value in params]
            if text.startswith("INSERT INTO audit_events"):
                event += 1
                params[0] = {"is": "event", "number": event}
            elif text.startswith(("INSERT INTO personal_values", "UPDATE audit")):
                params[0] = {"is": "event", "number": event}
            params = [
                {"is": "blob"} if isinstance(value, str) and value.startswith("\\x") and len(value) == 66 else value
                for value in params
            ]
            described.append({"sql": text, "params": params})
        one["statements"] = described
    return found


# --- the engines' own tools ----------------------------------------------------------------------

def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        return {
            "purchase": "('purchase ' || (:n)::bigint)",
            "attempt": "('attempt ' || (:n)::bigint)",
            "number": "('number ' || (:n)::bigint)",
            "blob": "decode('0707070707070707070707070707070707070707070707070707070707070707', 'hex')",
            "event": f"((:head)::bigint + {value.get('number')})",
        }[value["is"]]
    # A colon would begin a variable of pgbench's.
    return "E'" + value.replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\x3a") + "'"


def script(found, path):
    lines = ["\\set i :i + 1", "\\set n :base + :client_id * 10000000 + :i"]
    for one in found:
        if one["writes"]:
            lines += ["BEGIN;", "SELECT pg_advisory_xact_lock(5653814785087162199);"]
            lines.append("SELECT coalesce(max(seq), 0) AS head FROM audit_events \\gset")
        else:
            lines.append("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
        for statement in one["statements"]:
            put = lambda match: literal(statement["params"][int(match[1]) - 1])
            lines.append(re.sub(r"\$(\d+)", put, statement["sql"]).rstrip(";") + ";")
        lines.append("COMMIT;")
    path.write_text("\n".join(lines) + "\n")


def pgbench(server, database, path, clients, seconds):
    host, port = server.rsplit("@", 1)[1].split(":")
    base = int(time.time()) % 1_000_000 * 1_000_000_000
    arguments = ["pgbench", "-n", "-M", "prepared", "-h", host, "-p", port, "-U", "postgres", "-f", str(path)]
    arguments += ["-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds), "-D", "i=0", "-D", f"base={base}", database]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])


def psql(server, database, statement):
    subprocess.run(["psql", "-q", f"{server}/{database}", "-c", statement], check=True)


# --- both --------------------------------------------------------------------------------------

def written_down(folder, upstream, server):
    """The statements of one purchase, the third, so that nothing is asked for the first time."""
    psql(server, "postgres", "CREATE DATABASE written_down TEMPLATE template0 ENCODING 'UTF8'")
    file, token = configure(folder, upstream, f"{server}/written_down")
    gateway, api = spawn(PROGRAM, "serve", "--config", str(file), ready=gateway_ready)
    log = pathlib.Path(os.environ["GATEWAY_TEST_POSTGRES_LOG"])
    try:
        load(api, token, 1, 1)
        psql(server, "written_down", "ALTER DATABASE written_down SET log_statement = 'all'")
    finally:
        gateway.terminate()
        gateway.wait()
    gateway, api = spawn(PROGRAM, "serve", "--config", str(file), ready=gateway_ready)
    try:
        load(api, token, 1, 1)
        began = len(log.read_text())
        load(api, token, 1, 1)
        text = log.read_text()[began:]
    finally:
        gateway.terminate()
        gateway.wait()
    psql(server, "postgres", "ALTER DATABASE written_down RESET log_statement")
    said = statements(text)
    # From one purchase's first statement to the next one's: what comes between two inserts of a purchase.
    marks = [place for place, (_, words, _) in enumerate(said) if words.startswith("INSERT INTO purchases")]
    assert len(marks) > 6, "too few purchases were written down"
    return said, marks


def one_of(said, marks):
    """The transactions of one purchase: a caller alone buys one number after the other, each in two that write."""
    found = transactions(said[: marks[-2]])
    writing = [place for place, one in enumerate(found) if one["writes"]]
    inserting = [
        turn
        for turn, place in enumerate(writing)
        if any(text.startswith("INSERT INTO purchases") for text, _ in found[place]["statements"])
    ]
    turn = inserting[-2]
    return found[writing[turn - 1] + 1 : writing[turn + 1] + 1]


def measure():
    server, seconds = os.environ["GATEWAY_TEST_POSTGRES"], int(sys.argv[3]) if len(sys.argv) > 3 else 8
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "target")) as folder:
        folder = pathlib.Path(folder).resolve()
        stand_in = subprocess.Popen([PARTS, "upstream"], stdout=subprocess.PIPE, text=True)
        upstream = stand_in.stdout.readline().strip()
        try:
            (folder / "written").mkdir()
            said, marks = written_down(folder / "written", upstream, server)
            found = template(one_of(said, marks))
            count = sum(len(one["statements"]) for one in found)
            writing = [one for one in found if one["writes"]]
            print(f"a purchase is {count} statements in {len(found)} transactions, {len(writing)} of which write")
            (folder / "transcript.json").write_text(json.dumps(found))
            script(found, folder / "purchase.pgbench")
            return [on_postgres(folder, upstream, server, seconds), on_sqlite(folder, upstream, seconds)]
        finally:
            stand_in.terminate()


def rounds(name, gateway, tool):
    ours, theirs = zip(*((gateway(), tool()) for _ in range(ROUNDS)), strict=True)
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print(f"{name:12} gateway {ours:8.0f}/s   its own tool {theirs:8.0f}/s   ratio {ours / theirs:.2f}")
    return ours / theirs


def on_postgres(folder, upstream, server, seconds):
    for database in ("gateway", "tool"):
        psql(server, "postgres", f"CREATE DATABASE {database} TEMPLATE written_down")
    (folder / "postgres").mkdir()
    file, token = configure(folder / "postgres", upstream, f"{server}/gateway")
    gateway, api = spawn(PROGRAM, "serve", "--config", str(file), ready=gateway_ready)
    try:
        load(api, token, CALLERS, 2)
        tool = lambda: max(pgbench(server, "tool", folder / "purchase.pgbench", clients, seconds) for clients in (1, 8))
        return rounds("PostgreSQL", lambda: load(api, token, CALLERS, seconds), tool)
    finally:
        gateway.terminate()
        gateway.wait()


def on_sqlite(folder, upstream, seconds):
    (folder / "sqlite").mkdir()
    file, token = configure(folder / "sqlite", upstream, f"sqlite:{folder}/sqlite/gateway.db")
    gateway, api = spawn(PROGRAM, "serve", "--config", str(file), ready=gateway_ready)
    load(api, token, 1, 1)
    gateway.terminate()
    gateway.wait()
    bare = folder / "sqlite" / "bare.db"
    bare.write_bytes((folder / "sqlite" / "gateway.db").read_bytes())
    gateway, api = spawn(PROGRAM, "serve", "--config", str(file), ready=gateway_ready)
    try:
        load(api, token, CALLERS, 2)
        tool = lambda: part("replay", folder / "transcript.json", bare, seconds)
        return rounds("SQLite", lambda: load(api, token, CALLERS, seconds), tool)
    finally:
        gateway.terminate()
        gateway.wait()


if __name__ == "__main__":
    PROGRAM, PARTS = sys.argv[1:3]
    sys.exit(any(ratio < LEAST for ratio in measure()))
