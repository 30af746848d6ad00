"""The database of a gateway under test, of the engine that the suite chose."""

import os
import secrets
import subprocess
from pathlib import Path

# A URL that may create databases, as tests/lib/postgres.sh sets it. Without it the gateway keeps everything in SQLite.
SERVER = os.environ.get("GATEWAY_TEST_POSTGRES")


def storage(folder: Path) -> str:
    """`[storage]` of a gateway in this folder: a file of its own, or an empty database of the server's."""
    return f'[storage]\nurl = "{_url(folder)}"\nemergency_file = "{folder}/gateway.emergency"'


def _url(folder: Path) -> str:
    if not SERVER:
        return f"sqlite:{folder}/gateway.db"
    name = f"{folder.name}_{secrets.token_hex(4)}"
    psql = Path(os.environ["GATEWAY_TEST_POSTGRES_BIN"], "psql")
    subprocess.run([psql, "-q", SERVER, "-c", f'CREATE DATABASE "{name}"'], check=True)
    return f"{SERVER.rstrip('/')}/{name}"
