"""64 MiB of memory, of which the page cache is part: 10,000 different searches, buys, lists, pages and exports fit into it.

The limit is the kernel's own where a memory cgroup may be made (in containers often not: then what it has for itself is
measured instead, and it is said). A gateway that needed more would be killed.
"""

import atexit
import os
import re
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from checks import check, run
from load import Load
from pair import Pair, call, control
from shipped import as_shipped
from waiting import until

FOLDER = Path(os.environ["SUITE_DIR"], "memory")
ALLOWED_MIB = 64
# What is resident of a release build itself.
PROGRAM_MIB = 16
SEARCHES = int(sys.argv[1]) if sys.argv[1:] else 10_000
# As README.md says.
EXTRA = """
[cache]
max_bytes = "2MiB"
"""


class Cage:
    """A memory cgroup of this test's own, of either version; `None` where none may be made."""

    @classmethod
    def make(cls):
        name = f"numbers-gateway-{os.getpid()}"
        for parent, limit, most, procs in (
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes", "cgroup.procs"),
            ("/sys/fs/cgroup", "memory.max", "memory.peak", "cgroup.procs"),
        ):
            home = Path(parent, name)
            try:
                home.mkdir()
                atexit.register(lambda home=home: home.is_dir() and home.rmdir())
                (home / limit).write_text(str(ALLOWED_MIB << 20))
                return cls(home, most, procs)
            except OSError:
                continue
        return None

    def __init__(self, home: Path, most: str, procs: str):
        self.home, self.most, self.procs = home, home / most, home / procs

    def through(self) -> tuple:
        """A shell that goes into the cage and becomes what follows."""
        return ("sh", "-c", f'echo $$ >"{self.procs}" && exec "$@"', "sh")

    def peak_mib(self) -> float:
        return int(self.most.read_text()) / (1 << 20)


CAGE = Cage.make()
print("  in a memory cgroup" if CAGE else "  no memory cgroup may be made here: the resident size is measured", flush=True)
PAIR = Pair(FOLDER, EXTRA, environment=as_shipped(), through=CAGE.through() if CAGE else ())


def own_mib() -> float:
    """What it has for itself: how much of the program is in memory says little of a debug build."""
    status = Path(f"/proc/{PAIR.server.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


@check
def many_different_searches_beside_a_mixed_load_fit():
    load = Load(PAIR, buy_every=0.5, pace=0.1, seed="memory")
    load.begin(2)
    asked, failed, turn, lock = 0, [], iter(range(SEARCHES)), threading.Lock()
    token = load.tokens["requester"]

    def searching():
        nonlocal asked
        while True:
            with lock:
                digits = next(turn, None)
            if digits is None:
                return
            country = ("AU", "US", "CA", "GB", "NZ")[digits % 5]
            status, _ = load.ask("miss", f"/v3/numbers/search/{country}?search={digits // 5:04}&limit=100", token)
            with lock:
                asked += 1
                # While ClickSend fails, as it is made to, a search that is in no cache may.
                if status not in (200, 502, 503):
                    failed.append(status)

    began = time.monotonic()
    threads = [threading.Thread(target=searching, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    own = 0.0
    while any(thread.is_alive() for thread in threads):
        own = max(own, own_mib())
        time.sleep(0.2)
    # On a fast machine the searches end before much else was done.
    until("ten buys", lambda: load.statuses["buy", 200] > 10, within=120)
    own = max(own, own_mib())
    load.end()
    peak = CAGE.peak_mib() if CAGE else 0.0
    print(f"  {asked} searches in {time.monotonic() - began:.0f} s, {load.statuses['buy', 200]} buys; at most "
          f"{own:.1f} MiB of its own" + (f"; in the cgroup {peak:.1f} of {ALLOWED_MIB} MiB" if CAGE else ""))  # fmt: skip
    assert not failed and not load.bad, (failed[:5], load.bad[:5])
    assert asked == SEARCHES, (asked, load.statuses)
    assert PAIR.server.process.poll() is None, "it was killed"
    assert own < ALLOWED_MIB - PROGRAM_MIB, f"{own:.1f} MiB"


@check
def it_is_as_ready_as_before_and_everything_is_booked():
    control(PAIR.simulator, "faults", method="DELETE")
    assert call(f"{PAIR.ops}/readyz")[0] == 200
    number = PAIR.offers("AU")[-1]
    path = f"{PAIR.api}/v3/numbers/buy/{urllib.parse.quote(number, safe='')}"
    # Lists that failed a moment ago are left alone until one is answered again, and nothing is bought meanwhile.
    until("a buy goes through", lambda: call(path, PAIR.token("rita", "requester"), method="POST")[0] == 200, within=90)
    PAIR.server.stop()
    assert PAIR.server.process.returncode == 0, PAIR.server.process.returncode
    verified = PAIR.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


run()
