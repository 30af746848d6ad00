"""A PostgreSQL of a test's own, which may be stopped and started, and a gateway on it, wherever it is just now."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from pair import Pair

BIN = Path(os.environ["GATEWAY_TEST_POSTGRES_BIN"])
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
shared_buffers = 32MB
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Cluster:
    """In memory where there is room, on a free port, gone with the test."""

    def __init__(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.home = Path(tempfile.mkdtemp(prefix="gateway-ops.", dir=memory))
        atexit.register(shutil.rmtree, self.home, ignore_errors=True)
        # Its programs refuse to be run by root.
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self.home, "postgres", "postgres")
        self.port, self.data = free_port(), self.home / "data"
        self.run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N", "-D", self.data)
        self.configure()

    def configure(self) -> None:
        settings = SETTINGS.format(port=self.port)
        append = [*self._as, "tee", "-a", str(self.data / "postgresql.conf")]
        subprocess.run(append, input=settings, text=True, check=True, stdout=subprocess.DEVNULL)

    def home_of(self, data: Path, port: int) -> None:
        """From its next start it is the server of these files, elsewhere."""
        self.data, self.port = data, port
        self.configure()

    def run(self, program: str, *arguments) -> str:
        command = [*self._as, str(BIN / program), *map(str, arguments)]
        ran = subprocess.run(command, cwd=self.home, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def start(self) -> None:
        atexit.register(self.stop)
        log = self.home / "log"
        # Its output is not ours: the server would hold the pipe open for as long as it lives.
        command = [*self._as, str(BIN / "pg_ctl"), "start", "-w", "-s", "-D", str(self.data), "-l", str(log)]
        subprocess.run(command, cwd=self.home, check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """At once, without waiting for who is connected."""
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "stop", "-w", "-s", "-m", "fast", "-D", self.data)

    def psql(self, statement: str, database: str = "postgres") -> str:
        where = ["-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-d", database]
        return self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *where, "-c", statement).strip()

    def url(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"


class OnServer(Pair):
    """A pair whose database is on a server; it starts when it is told to."""

    def __init__(self, folder: Path, extra: str, server: Cluster):
        self.cluster = server
        super().__init__(folder, extra, starts=False)
        self.follow()

    def follow(self) -> None:
        """From the next start the database is where the server is now; what is left of a replica is settled soon."""
        path = self.folder / "gateway.toml"
        ours = ("url = ", "takeover_margin = ")
        lines = [line for line in path.read_text().splitlines() if not line.startswith(ours)]
        at = lines.index("[storage]") + 1
        where = [f'url = "{self.cluster.url("gateway")}"', 'takeover_margin = "1s"']
        path.write_text("\n".join([*lines[:at], *where, *lines[at:]]) + "\n")
