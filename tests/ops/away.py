"""A database that is not there: at the start, for ten seconds in between, and a folder that may not be written to.

A start waits a minute for its server and says so; a running gateway refuses what it would have to write down, answers
what it has in memory, and goes on by itself. Nobody starts it again meanwhile: the process is the same all the time.
"""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

from asking import buy, sent
from checks import check, run
from cluster import Cluster, OnServer
from pair import PROGRAM, call
from waiting import until

FOLDER = Path(os.environ["SUITE_DIR"], "away")
AWAY = 10.0
EXTRA = """
[cache]
fresh_for = "1s"
stale_for = "1h"
"""
SERVER = Cluster()
SERVER.start()
SERVER.psql("CREATE DATABASE gateway")
SERVER.stop()


PAIR = OnServer(FOLDER / "server", EXTRA, SERVER)


def never(folder: Path) -> subprocess.Popen:
    """The same gateway where no server will ever be."""
    text = (PAIR.folder / "gateway.toml").read_text().replace(f":{SERVER.port}/", ":9/")
    folder.mkdir(parents=True)
    (folder / "gateway.toml").write_text(text.replace("gateway.emergency", "never.emergency"))
    command = [PROGRAM, "serve", "--config", str(folder / "gateway.toml")]
    return subprocess.Popen(command, stderr=open(folder / "log", "wb"))


NEVER, NEVER_BEGAN = never(FOLDER / "never"), time.monotonic()


def search() -> int:
    return call(f"{PAIR.api}/v3/numbers/search/AU", REQUESTER)[0]


def readyz() -> tuple[int, dict]:
    status, _, text = call(f"{PAIR.ops}/readyz")
    return status, json.loads(text)


def log() -> str:
    return (PAIR.folder / "gateway.log").read_text()


@check
def a_start_waits_for_a_server_that_is_not_there_and_is_ready_when_it_comes():
    global NUMBERS, REQUESTER
    began = time.monotonic()
    starting = threading.Thread(target=PAIR.start, daemon=True)
    starting.start()
    until("it says whom it waits for", lambda: (PAIR.folder / "gateway.log").exists() and "is away" in log())
    assert starting.is_alive(), log()
    SERVER.start()
    starting.join(30)
    print(f"  ready {time.monotonic() - began:.1f} s after its start")
    REQUESTER, NUMBERS = PAIR.token("rita", "requester"), PAIR.offers("AU")
    assert readyz()[0] == 200 and buy(PAIR, REQUESTER, NUMBERS[0]) == "200 SUCCESS" and search() == 200


@check
def ten_seconds_without_a_server_cost_answers_that_say_so_and_nothing_else():
    process, path = PAIR.server.process.pid, f"{PAIR.api}/v3/numbers/buy/{NUMBERS[1].replace('+', '%2B')}"
    SERVER.stop()
    ended, seen, lists = time.monotonic() + AWAY, [], set()
    while time.monotonic() < ended:
        status, headers, text = call(path, REQUESTER, method="POST")
        ready = readyz()
        seen.append((status, json.loads(text)["response_code"], headers.get("Retry-After") is not None, ready[0]))
        assert ready[1]["database"] != "ok", ready
        # Stale by then, so it is what is in memory that answers.
        assert search() == 200
        lists.add(call(f"{PAIR.api}/v1/purchases", REQUESTER)[0])
        time.sleep(0.5)
    print(f"  buys while it was away: { {row: seen.count(row) for row in dict.fromkeys(seen)} }; lists: {lists}")
    print(f"  /readyz: {ready[1]}")
    # /readyz stays 200: to take the gateway out of service would not bring the database back.
    assert all(row[0] == 503 and row[2] and row[3] == 200 for row in seen), seen
    assert lists == {503}, lists
    assert sent(PAIR) == 1, "a buy was sent that could not be written down"
    SERVER.start()
    began = time.monotonic()
    until("a buy goes through", lambda: buy(PAIR, REQUESTER, NUMBERS[1]) == "200 SUCCESS")
    print(f"  bought again {time.monotonic() - began:.1f} s after it was back")
    assert readyz()[1]["database"] == "ok"
    assert PAIR.server.process.poll() is None and PAIR.server.process.pid == process
    assert sent(PAIR) == 2
    PAIR.server.stop()
    assert PAIR.command("audit", "verify").returncode == 0


@check
def a_start_that_waits_in_vain_ends_with_69_and_says_for_whom():
    NEVER.wait(120)
    waited, said = time.monotonic() - NEVER_BEGAN, (FOLDER / "never" / "log").read_text()
    print(f"  ended with {NEVER.returncode} after {waited:.0f} s: {said.splitlines()[-1][:160]}")
    assert NEVER.returncode == 69 and "PostgreSQL at 127.0.0.1:9" in said.splitlines()[-1], said[-1000:]


@check
def a_folder_that_may_not_be_written_to_is_named_and_ends_the_start_with_69():
    """As in a container whose root is read-only and whose volume was forgotten."""
    folder, text = FOLDER / "closed", (PAIR.folder / "gateway.toml").read_text()
    folder.mkdir()
    text = text.replace(SERVER.url("gateway"), f"sqlite:{folder}/data/gateway.db")
    (FOLDER / "closed.toml").write_text(text)
    command = [PROGRAM, "serve", "--config", str(FOLDER / "closed.toml")]
    if os.geteuid() == 0:
        closing = f'mount -t tmpfs -o ro closed "{folder}" && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", closing, "sh", *command]
    else:
        folder.chmod(0o555)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if ran.returncode == 1 and "unshare" in ran.stderr:
        return print(f"  skipped: no mounts may be made here: {ran.stderr.strip()}")
    print(f"  ended with {ran.returncode}: {ran.stderr.strip().splitlines()[-1]}")
    assert ran.returncode == 69 and str(folder) in ran.stderr, ran.stderr
    return None


run()
