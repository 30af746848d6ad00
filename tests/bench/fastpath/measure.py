"""The fast path beside HAProxy, nginx and the bare server of our own stack: one table, ratios of one run.

    measure.py GATEWAY TOOL [--smoke]

Windows of all servers take turns, so that whatever else the machine does hits all of them; figures are medians of the
windows. A window with a failed request is thrown away, and counted. Exit 1 when a figure is not what issue 9 wants;
--smoke measures a moment only, gives no verdict on time, and fails where the servers do not do the same work.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

from servers import ALGORITHMS, LONG, SERVER_CORE, SHORT, Field, asked, awake

SUBJECTS = 1000
RATE = 3000
WAYS = {
    "1": {"connections": 1}, "32": {"connections": 32}, "256": {"connections": 256},
    f"{RATE}/s": {"connections": 32, "rate": RATE},
}
# Ratios are of the processor time of a request where 32 connections keep the server busy.
BUSY = "32"
WANTED = [
    ("gateway HS256", "haproxy HS256", 1.0),
    ("gateway RS256", "haproxy RS256", 0.7),
    ("gateway ES256", "haproxy ES256", 0.35),
    ("gateway EdDSA", "gateway HS256", 1.05),
    ("gateway HS256", "bare axum", 1.5),
]
MISS_P99 = 250
# Some thousand pages: fewer than one window asks for.
FULL = "2MiB"
MEMORY, AFTERWARDS, GROWTH = 60.0, 1.2, 1.15
KEPT_PAGES, KNOWN_SUBJECTS = 10_000, 100_000


class Run:
    """Everything that one run measured."""

    def __init__(self, field, smoke):
        self.field, self.smoke = field, smoke
        self.windows, self.seconds = (1, 0.3) if smoke else (5, 2.0)
        self.discarded, self.verdicts = 0, []

    def window(self, server, tokens, **settings):
        """One window, again until no request of it failed."""
        for _ in range(5):
            seen = self.field.load(server, tokens, seconds=self.seconds, **settings)
            if not seen["failed"]:
                return seen
            self.discarded += 1
        sys.exit(f"{server.host} fails requests again and again: {seen}")

    def in_turn(self, asking):
        """Medians of each figure, by name, of windows that take turns."""
        seen = {name: [] for name in asking}
        for _ in range(self.windows):
            for name, ask in asking.items():
                seen[name].append(ask())
        return {name: medians(windows) for name, windows in seen.items()}

    def verdict(self, text, value, most):
        held = value <= most
        self.verdicts.append(held)
        said = "" if self.smoke else ("   holds" if held else "   DOES NOT HOLD")
        print(f"{text:58} {value:8.2f} (wanted {most:g} at most){said}", flush=True)


def medians(windows):
    names = [name for name in ("cpu_us", "rps", "p50_us", "p99_us", "faults") if name in windows[0]]
    figures = {name: statistics.median(each[name] for each in windows) for name in names}
    histograms = [each["histogram"] for each in windows]
    return {**figures, "histogram": [sum(column) for column in zip(*histograms)]}


def memory(server):
    """Resident MB (10^6 bytes), as the kernel counts them."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024 / 1e6


def faults(server):
    """Pages that were touched for the first time (proc(5), minflt), or for the first time since they were given back."""
    return int(pathlib.Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[7])


def first_token(tokens):
    with tokens.open() as lines:
        return lines.readline().strip()


def contestants(field):
    """Who is compared, by name; each was seen to answer the same bytes, and to refuse who may not."""
    upstream = field.nginx(core=1)
    gateway = field.gateway(upstream.port)
    tokens = {algorithm: field.tokens(algorithm, SUBJECTS) for algorithm in ALGORITHMS}
    token = first_token(tokens["HS256"])
    # The first was a miss.
    asked(gateway, token)
    status, head, body = asked(gateway, token)
    assert status == 200, body
    print(f"one answer: {len(body)} bytes", flush=True)
    (field.folder / "pages/answer").write_bytes(body)
    (field.folder / "pages/answer").chmod(0o644)
    moving = ("Date", "Content-Length", "Connection")
    bare = field.bare([(name, value) for name, value in head if name not in moving], body)
    nginx = field.nginx(core=0, log=field.folder / "nginx-access.log")
    field_of = {"nginx, a file": (nginx, tokens["HS256"]), "bare axum": (bare, tokens["HS256"])}
    for algorithm, door in field.haproxy(upstream.port).items():
        field_of[f"haproxy {algorithm}"] = (door, tokens[algorithm])
    for algorithm in ALGORITHMS:
        field_of[f"gateway {algorithm}"] = (gateway, tokens[algorithm])
    for name, (server, tokens_file) in field_of.items():
        good = first_token(tokens_file)
        for _ in range(2):
            status, _, bytes_of = asked(server, good)
            assert (status, bytes_of) == (200, body), f"{name}: {status} {bytes_of[:200]}"
        if name.startswith(("haproxy", "gateway")):
            assert asked(server, good[:-6] + "AAAAAA")[0] == 401, f"{name} takes a wrong signature"
            assert asked(server, None)[0] == 401, f"{name} takes nobody"
    print(f"{len(field_of)} servers answer the same bytes, and those who verify refuse a wrong signature", flush=True)
    return field_of, upstream, len(body)


def hits(run, field_of, length):
    rows = {}
    for way, settings in WAYS.items():
        rows[way] = run.in_turn({
            name: lambda server=server, tokens=tokens: run.window(server, tokens, bytes=length, **settings)
            for name, (server, tokens) in field_of.items()
        })
    print("\nhits            " + "".join(f"|  {way + ' conn.' if way.isdigit() else way:^28}" for way in WAYS))
    print("                " + "|  cpu µs   req/s p50 µs p99 µs " * len(WAYS))
    for name in field_of:
        cells = (rows[way][name] for way in WAYS)
        line = "".join(
            f"| {it['cpu_us']:7.1f} {it['rps']:7.0f} {it['p50_us']:6.0f} {it['p99_us']:6.0f} " for it in cells
        )
        print(f"{name:16}{line}")
    print(f"\nprocessor time of a request, {BUSY} connections")
    for one, other, most in WANTED:
        run.verdict(f"{one} / {other}", rows[BUSY][one]["cpu_us"] / rows[BUSY][other]["cpu_us"], most)
    return rows


def misses(run, tokens):
    """Each asks something nobody asked before, of upstream directly and through the gateway, on one connection.

    Here upstream is on the gateway's core and no core sleeps, so that both ways cross from one core to the other and back
    once: what that takes in a virtual machine is not what the gateway adds. HAProxy, which hands on what it reads, shows what
    the machine's hour makes of any proxy.

    What is judged is a gateway whose cache is full, as after its first hours: each miss puts out a page and has its memory.
    One that still grows stands beside it, because memory that was never touched is the host's to give: the slowest one in
    a hundred wait for that.
    """
    upstream = run.field.nginx(core=SERVER_CORE)
    full, growing = (
        run.field.gateway(upstream.port, "misses", cache=FULL), run.field.gateway(upstream.port, "growing"),
    )
    haproxy = run.field.haproxy(upstream.port)["HS256"]
    asked_for = [0]

    def fresh(server, path):
        asked_for[0] += 1_000_000
        before = faults(server)
        seen = run.window(server, tokens, path=path, connections=1, first=asked_for[0], pages=0)
        return {**seen, "faults": (faults(server) - before) / (seen["rps"] * run.seconds)}

    direct = {"100 rows": LONG.replace("limit=15", "limit=100"), "15 rows": SHORT.replace("limit=15", "limit=100")}
    print("\nmisses, one connection              p50 µs   p99 µs   page faults, each")
    for rows, path in {"100 rows": LONG, "15 rows": SHORT}.items():
        # Until it is full.
        for _ in range(run.windows):
            fresh(full, path)
        seen = run.in_turn({
            "upstream": lambda: fresh(upstream, direct[rows]), "through HAProxy": lambda: fresh(haproxy, direct[rows]),
            "through the gateway": lambda: fresh(full, path), "and while it grows": lambda: fresh(growing, path),
        })
        for name, it in seen.items():
            print(f"{name + ', ' + rows:34} {it['p50_us']:8.0f} {it['p99_us']:8.0f} {it['faults']:8.3f}")
        histogram = seen["through the gateway"]["histogram"]
        slow = sum(histogram[15:17])
        print(f"  between 32.8 and 131 ms (a 40 ms step would be here): {slow}")
        print(f"  {shown(histogram)}")
        added = seen["through the gateway"]["p99_us"] - seen["upstream"]["p99_us"]
        run.verdict(f"added p99 of a miss, {rows}, µs", added, MISS_P99)
        # The host of a virtual machine stops it now and then; two delayed acknowledgements would stop many.
        run.verdict(f"misses of {rows} in a 40 ms step, of 10,000", slow * 10_000 / sum(histogram), 1)


def shown(histogram):
    """Powers of two and how many."""
    return " ".join(f"{2 ** power}µs:{count}" for power, count in enumerate(histogram) if count)


def memory_and_growth(run, upstream, length):
    """What 10,000 pages and 100,000 subjects take, and whether a hit costs more because of them."""
    field = run.field
    pages, subjects = (300, 1000) if run.smoke else (KEPT_PAGES, KNOWN_SUBJECTS)
    empty = field.gateway(upstream.port, "empty")
    full = field.gateway(upstream.port, "full", cache="1GiB")
    one, all_of_them = field.tokens("HS256", 1), field.tokens("HS256", subjects)
    began = memory(full)
    field.load(full, one, path=SHORT, connections=8, requests=pages, first=1)
    with_pages = memory(full)
    field.load(full, all_of_them, connections=8, requests=subjects)
    filled = memory(full)
    print(f"\nmemory, MB: {began:.1f} at the start, {with_pages:.1f} with {pages} pages of 15 rows, "
          f"{filled:.1f} with {subjects} subjects as well")
    asking = {"connections": 32, "bytes": length}
    seen = run.in_turn({
        "one page, one subject": lambda: run.window(empty, one, **asking),
        "the same beside all": lambda: run.window(full, one, **asking),
        "subjects in turn": lambda: run.window(full, all_of_them, **asking),
        "pages in turn": lambda: run.window(full, one, connections=32, path=SHORT, first=1, pages=pages),
        "one short page": lambda: run.window(full, one, connections=32, path=SHORT, first=1, pages=1),
    })
    for name, it in seen.items():
        print(f"  {name:24} {it['cpu_us']:7.1f} µs a hit")
    base = seen["one page, one subject"]["cpu_us"]
    run.verdict("a hit beside all / beside nothing", seen["the same beside all"]["cpu_us"] / base, GROWTH)
    run.verdict("subjects in turn / one subject", seen["subjects in turn"]["cpu_us"] / base, GROWTH)
    short = seen["one short page"]["cpu_us"]
    run.verdict("pages in turn / one page of them", seen["pages in turn"]["cpu_us"] / short, GROWTH)
    run.window(full, all_of_them, connections=256)
    burst = memory(full)
    time.sleep(1 if run.smoke else 30)
    after = memory(full)
    print(f"memory, MB: {burst:.1f} after a burst of 256 connections, {after:.1f} half a minute later")
    run.verdict("memory with everything kept, MB", filled, MEMORY)
    run.verdict("memory half a minute after the burst / before", after / filled, AFTERWARDS)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("gateway")
    arguments.add_argument("tool")
    arguments.add_argument("--smoke", action="store_true")
    arguments.add_argument("--only", default="hits,misses,memory", help="of hits, misses, memory")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        folder = pathlib.Path(folder).resolve()
        folder.chmod(0o755)
        field = Field(folder, options.gateway, options.tool)
        try:
            run = Run(field, options.smoke)
            field_of, upstream, length = contestants(field)
            if "hits" in options.only:
                hits(run, field_of, length)
            if "misses" in options.only:
                with awake():
                    misses(run, field.tokens("HS256", SUBJECTS))
            if "memory" in options.only:
                memory_and_growth(run, upstream, length)
            print(f"\n{run.discarded} windows thrown away; {field.spans} batches of spans at the collector")
        finally:
            field.stop()
    sys.exit(not run.smoke and not all(run.verdicts))


if __name__ == "__main__":
    main()
