"""The systemd unit, started by a systemd: what it says is in force, and the gateway lives with it.

    sandbox.py PROGRAM FOLDER

A systemd of our own (booted.sh) runs the commands of deploy/README.md. Needs root, and cgroups as Debian 12 has them in
its hybrid layout.
"""

import atexit
import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import container
from checks import check, run

container.apart()

import documented
from pair import Server, call
from waiting import until

PROGRAM, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
UNIT = Path("deploy/systemd/numbers-gateway.service")
CONFIGURATION = """
[upstream]
base_url = "{simulator}"
username = "you"
[[auth.issuers]]
name = "local"
issuer = "people"
audience = "numbers-gateway"
public_key_file = "keys/tokens.public.pem"
algorithms = ["EdDSA"]
[budget]
currency = "AUD"
spend_per_month = "500.00"
recurring_per_month = "500.00"
[teams.growth]
[[policy.rules]]
name = "all"
when = {{ action = "buy" }}
then = "allow"
"""
HERE = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What of the probe's attempts is refused, and as what: EPERM is the filter of system calls, EROFS the file system.
REFUSED = {
    "a netlink socket": "EAFNOSUPPORT", "a vsock": "EAFNOSUPPORT", "writing below /etc": "EROFS",
    "writing below /usr/local/bin": "EROFS", "the key's file": "EACCES", "memory to write and run": "EPERM",
    "being traced": "EPERM", "a priority": "EPERM", "another personality": "EPERM", "a set-user-id file": "EPERM",
    "another process": "ENOENT", "a user namespace": "EPERM",
}  # fmt: skip


def cgroups() -> list[Path]:
    """A group of ours below this process's, in each hierarchy that booted.sh mounts."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        name = {"name=systemd": "systemd", "": "unified"}.get(controllers, controllers)
        if name in {"systemd", "unified", "memory", "pids"}:
            found.append(Path(f"/sys/fs/cgroup/{name}{path}", f"numbers-gateway-{secrets.token_hex(4)}"))
    return found


def leave(groups: list[Path]) -> None:
    """Takes the groups away, the innermost first; a group is free a moment after its last process."""
    for group in (Path(folder) for top in groups for folder, _, _ in os.walk(top, topdown=False)):
        deadline = time.monotonic() + 10
        while group.exists() and time.monotonic() < deadline:
            try:
                group.rmdir()
            except OSError:
                time.sleep(0.05)


def boot() -> int:
    """The process that is 1 to itself."""
    groups = cgroups()
    for group in groups:
        group.mkdir()
    atexit.register(leave, groups)
    join = " && ".join(f"echo 0 > {group}/cgroup.procs" for group in groups)
    own = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
    log = open(FOLDER / "boot.log", "wb")
    started = subprocess.Popen(
        ["sh", "-c", f'{join} && exec "$@"', "join", *own, "bash", "tests/deploy/booted.sh", FOLDER], stdout=log, stderr=log
    )
    atexit.register(started.wait, 20)
    atexit.register(started.kill)
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    until("a systemd", children.read_text)
    pid = int(children.read_text())
    until("a systemd that answers", lambda: enter(pid, "systemctl start basic.target").returncode == 0)
    return pid


def enter(pid: int, command: str) -> subprocess.CompletedProcess:
    spaces = ["nsenter", "-t", str(pid), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "env", "-i", HERE]
    return subprocess.run([*spaces, "sh", "-ec", f"cd /mnt && {command}"], capture_output=True, text=True, timeout=120)


def run_there(command: str) -> str:
    ran = enter(BOOTED, command)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}{journal()}"
    return ran.stdout.strip()


def journal() -> str:
    return enter(BOOTED, "journalctl --no-pager -o cat -u numbers-gateway").stdout[-3000:]


def shown(name: str, unit: str = "numbers-gateway") -> str:
    return run_there(f"systemctl show --value --property {name} {unit}")


def status() -> dict[str, str]:
    """Of the gateway's process, as the kernel has it."""
    lines = run_there(f"cat /proc/{shown('MainPID')}/status").splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def prepare() -> None:
    """The folder where the commands are typed."""
    simulator = Server(
        FOLDER / "simulator.log", "simulator", "--listen", "127.0.0.1:0", "--username", "you", "--api-key", "of-nobody-else",
        stream="stdout", is_ready=lambda line: (found := re.match(r"simulator +(http://\S+)", line)) and found[1],
    )  # fmt: skip
    (FOLDER / "clicksend-api-key").write_text("of-nobody-else")
    (FOLDER / "gateway.toml").write_text(CONFIGURATION.format(simulator=simulator.ready))
    files = {"target/release/numbers-gateway": PROGRAM, UNIT: UNIT, "probe.py": Path("tests/deploy/probe.py")}
    for file, source in files.items():
        (FOLDER / file).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", source, FOLDER / file], check=True)
    subprocess.run([PROGRAM, "keys", "generate", "--out", FOLDER / "keys"], check=True, capture_output=True)


def probed(unit: str, text: str) -> dict[str, str]:
    (FOLDER / f"{unit}.service").write_text(text)
    run_there(f"install -m 0644 {unit}.service /run/systemd/system/ && systemctl daemon-reload && systemctl start {unit}")
    return json.loads(run_there(f"journalctl --no-pager -o cat -u {unit} | grep '^{{'"))


def ask(path: str, method: str = "GET"):
    signing = ["--subject", "ann", "--team", "growth", "--role", "requester", "--key-file", FOLDER / "keys/tokens.private.pem"]
    more = ["--issuer", "people", "--audience", "numbers-gateway"]
    token = subprocess.run([PROGRAM, "token", *signing, *more], check=True, capture_output=True, text=True).stdout.strip()
    status, _, body = call(f"http://127.0.0.1:8080{path}", token, method=method)
    return status, json.loads(body)


container.ip("link", "set", "lo", "up")
prepare()
BOOTED = boot()


@check
def the_commands_of_the_page_install_and_start_it():
    [block] = documented.blocks("systemd")
    assert len(block.splitlines()) == 8, block
    for command in block.splitlines():
        run_there(command)
    assert run_there("systemctl is-active numbers-gateway && systemctl is-enabled numbers-gateway") == "active\nenabled"


@check
def the_process_has_no_rights_and_a_filter():
    has = status()
    assert has["Seccomp"] == "2" and has["NoNewPrivs"] == "1" and int(has["Seccomp_filters"]) > 5, has
    assert {has[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, has
    assert int(has["Uid"].split()[0]) >= 61184, "not a dynamic user"
    print(f"     {has['Seccomp_filters']} filters, user {has['Uid'].split()[0]}, {has['VmRSS']} resident")


@check
def what_a_stranger_would_try_is_refused_and_only_by_the_unit():
    service = UNIT.read_text().split("[Service]")[1].split("[Install]")[0]
    kept = re.sub(r"(?m)^(Type|NotifyAccess|ExecStart|ExecReload|Restart\w*|StateDirectory)=.*\n", "", service)
    what = "Type=oneshot\nExecStart=/usr/bin/python3 /mnt/probe.py\nStateDirectory=probe\n"
    within = probed("closed", f"[Service]\n{what}{kept}")
    allowed = dict.fromkeys(("its own folder", "its credential", "a socket of the internet"), "done")
    assert within == {**allowed, **REFUSED}, within
    without = probed("open", f"[Service]\n{what}DynamicUser=no\nUser=nobody\n")
    free = {name for name in REFUSED if without[name] == "done"}
    print(f"     without the unit's lines {len(free)} of {len(REFUSED)} are done")
    assert free >= REFUSED.keys() - {"writing below /etc", "writing below /usr/local/bin", "the key's file"}, without


@check
def a_search_and_a_purchase_work_in_it_and_the_data_is_its_own():
    status, answer = ask("/v3/numbers/search/AU?limit=3")
    assert status == 200, answer
    status, answer = ask(f"/v3/numbers/buy/{answer['data']['data'][0]['dedicated_number']}", "POST")
    assert status == 200, answer
    listed = run_there("stat -c '%a %U %n' /var/lib/private/numbers-gateway/gateway.db")
    assert listed.startswith("600 "), listed


@check
def a_reload_reads_the_configuration_again():
    before = shown("MainPID")
    run_there("sed -i 's/\"500.00\"/\"400.00\"/' /etc/numbers-gateway/gateway.toml && systemctl reload numbers-gateway")
    until("the change in the log", lambda: "budget.spend_per_month" in journal())
    assert shown("MainPID") == before and shown("ActiveState") == "active"


@check
def a_crash_is_followed_by_another_start_and_a_stop_ends_with_0():
    before = shown("MainPID")
    run_there("systemctl kill --signal KILL --kill-whom main numbers-gateway")
    until("another process", lambda: shown("MainPID") not in {before, "0"})
    until("an answer", lambda: call("http://127.0.0.1:9464/readyz")[0] == 200)
    assert shown("NRestarts") == "1"
    run_there("systemctl stop numbers-gateway")
    assert (shown("Result"), shown("ExecMainStatus"), shown("ActiveState")) == ("success", "0", "inactive")


@check
def a_wrong_configuration_is_not_tried_again():
    run_there("echo nonsense >> /etc/numbers-gateway/gateway.toml")
    enter(BOOTED, "systemctl start numbers-gateway")
    until("the end", lambda: shown("ActiveState") == "failed")
    assert (shown("ExecMainStatus"), shown("NRestarts")) == ("78", "0"), journal()


run()
