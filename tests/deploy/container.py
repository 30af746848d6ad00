"""Containers without an engine: an image's folder, started as the Dockerfile and a compose file say, with namespaces of its own,
a read-only root, no capability and no new privileges, in a network that only this process and they are in.

Whoever imports this calls `apart()` first, and needs root.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dockerfile

INSIDE = str(Path(__file__).with_name("inside.py"))


def apart() -> None:
    """Starts this program again in a network and with mounts of its own."""
    if os.environ.get("CONTAINERS") != "apart":
        spaces = ["--net", "--mount", "--pid", "--ipc", "--mount-proc", "--fork", "--kill-child"]
        os.execvpe("unshare", ["unshare", *spaces, sys.executable, *sys.argv], {**os.environ, "CONTAINERS": "apart"})


def ip(*arguments: str, within: int | None = None) -> None:
    enter = ["nsenter", "--net", "-t", str(within)] if within else []
    subprocess.run([*enter, "ip", *arguments], check=True)


def bridge(address: str) -> None:
    """The network's own end, as an engine makes it."""
    ip("link", "set", "lo", "up")
    ip("link", "add", "bridge", "type", "bridge")
    ip("addr", "add", address, "dev", "bridge")
    ip("link", "set", "bridge", "up")


def connect(pid: int, address: str) -> None:
    """Gives a process with a network of its own an address in ours."""
    link = f"to{pid}"
    ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    ip("link", "set", link, "master", "bridge", "up")
    ip("addr", "add", f"{address}/24", "dev", "eth0", within=pid)
    ip("link", "set", "eth0", "up", within=pid)
    ip("link", "set", "lo", "up", within=pid)


def neighbour(address: str, *command, **more) -> subprocess.Popen:
    """A program of this machine at an address of its own, where an engine would have an image of somebody else's."""
    # Begins when it has its address.
    gate = ["unshare", "--net", "sh", "-c", 'read -r _; exec "$@"', "gate"]
    process = subprocess.Popen([*gate, *map(str, command)], stdin=subprocess.PIPE, **more)
    atexit.register(process.wait, 30)
    atexit.register(process.terminate)
    ours = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{process.pid}/ns/net") == ours:
        time.sleep(0.01)
    connect(process.pid, address)
    process.stdin.write(b"\n")
    process.stdin.close()
    return process


class Container:
    """A process of the image. `binds` are (source, path inside, is it read-only); `hosts` what the engine's names are."""

    def __init__(
        self, name: str, image: Path, folder: Path, address: str, environment: dict | None = None,
        binds: tuple = (), hosts: dict | None = None,
    ):  # fmt: skip
        last = dockerfile.stages()[-1]
        self.name, self.address, self.log = name, address, folder / f"{name}.log"
        self.spec = {
            "image": str(image), "binds": [[str(source), inside, ro] for source, inside, ro in binds],
            "hosts": {"localhost": "127.0.0.1", **(hosts or {})}, "user": last.one("USER").text,
            "workdir": last.one("WORKDIR").text, "environment": {**dockerfile.environment(), **(environment or {})},
        }  # fmt: skip
        self.entry, self.command = last.one("ENTRYPOINT").words, last.one("CMD").words

    def start(self) -> None:
        self.process, self.pid = self._run([*self.entry, *self.command], ["unshare", "--net"], open(self.log, "ab"), self.address)
        atexit.register(self._end)

    def execute(self, command: list[str]) -> tuple[int, str]:
        """Another process beside it, as an engine asks for its health; exit code and what it said."""
        with open(self.log.with_suffix(".executed.log"), "w+") as log:
            process, _ = self._run(command, ["nsenter", f"--net=/proc/{self.pid}/ns/net"], log)
            code = process.wait(60)
            log.seek(0)
            return code, log.read().strip()

    def token(self, role: str) -> str:
        """Signed by the image's own program, with the key that its configuration names; it says which, and then the token."""
        code, said = self.execute(["numbers-gateway", "token", "--subject", "ann", "--team", "growth", "--role", role])
        assert code == 0, said
        return said.splitlines()[-1]

    def is_healthy(self) -> bool:
        return self.execute(dockerfile.stages()[-1].one("HEALTHCHECK").words)[0] == 0

    def become_healthy(self) -> None:
        """As an engine does it, which asks again as well."""
        deadline = time.monotonic() + 60
        while not self.is_healthy():
            assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def status(self) -> dict[str, str]:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(60)

    def _end(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def _run(self, command: list[str], network: list[str], log, address: str | None = None):
        ours, its = socket.socketpair()
        its.set_inheritable(True)
        place = tempfile.mkdtemp(dir=self.log.parent)
        spec = {**self.spec, "command": command, "line": its.fileno(), "place": place}
        own = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        run = [*network, *own, sys.executable, INSIDE, json.dumps(spec)]
        process = subprocess.Popen(run, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        its.close()
        with ours:
            assert ours.recv(1) == b"?", f"{self.name} did not start: {self.log.read_text()[-2000:]}"
            pid = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
            if address:
                connect(pid, address)
            ours.send(b"!")
        return process, pid
