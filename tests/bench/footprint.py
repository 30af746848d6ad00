"""Idle memory and start time of `serve`: figures for people, no verdict.

    footprint.py PROGRAM

ClickSend is the simulator, and answers: one that does not holds a start up for as long as a call is tried. Time is told as
a ratio too: to the same program printing its version, started as often in the same run.
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

STARTS = 20
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
"""


def simulator(program):
    """A ClickSend that answers, and where."""
    process = subprocess.Popen([program, "simulator", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if found := re.match(r"simulator +(http://\S+)", line):
            return process, found[1]
    sys.exit("the simulator did not start")


def start(program, configuration):
    """A serving process, and the seconds until it said that it was ready."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [program, "serve", "--config", configuration], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    for line in process.stderr:
        if json.loads(line).get("message") == "ready":
            return process, time.perf_counter() - began
    sys.exit("the gateway did not become ready")


def stop(process):
    process.terminate()
    process.stderr.read()
    process.wait()


def memory(process):
    """Resident MB (10^6 bytes), as the kernel counts them."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kilobytes * 1024 / 1e6


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        configuration = os.path.join(folder, "gateway.toml")
        upstream_process, upstream = simulator(program)
        pathlib.Path(configuration).write_text(CONFIGURATION.format(upstream=upstream, folder=folder))
        first, fresh = start(program, configuration)
        stop(first)

        starts, versions, sizes = [], [], []
        for _ in range(STARTS):
            process, seconds = start(program, configuration)
            starts.append(seconds)
            sizes.append(memory(process))
            stop(process)
            began = time.perf_counter()
            subprocess.run([program, "--version"], check=True, stdout=subprocess.DEVNULL)
            versions.append(time.perf_counter() - began)
        upstream_process.terminate()
        upstream_process.wait()

    ready, version = statistics.median(starts), statistics.median(versions)
    print(f"start to ready, new database      {fresh * 1000:7.1f} ms")
    print(f"start to ready, existing database {ready * 1000:7.1f} ms median of {STARTS}, {max(starts) * 1000:.1f} ms worst")
    print(f"  against printing the version    {ready / version:7.1f} times ({version * 1000:.1f} ms)")
    print(f"idle memory                       {statistics.median(sizes):7.1f} MB RSS median, {max(sizes):.1f} MB worst")


if __name__ == "__main__":
    main(sys.argv[1])
