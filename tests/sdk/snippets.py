"""The snippets of the documentation: those that can run here do, the others change base URL and key and no more."""

import os
import subprocess
import sys
from pathlib import Path

from checks import check, run
from world import GATEWAY, TOKENS

SNIPPETS = Path(__file__).parent / "snippets"
ENVIRONMENT = {**os.environ, "NUMBERS_GATEWAY_URL": GATEWAY, "NUMBERS_GATEWAY_TOKEN": TOKENS["viewer"]}
# The pages' own names for what is replaced; each snippet says them in a comment.
REPLACED = ("rest.clicksend.com", "was the ClickSend API key", "was the ClickSend user name")


def prints_numbers(*command: str) -> None:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all(line.startswith("+61") for line in lines), done.stdout


@check
def the_python_snippet_prints_numbers():
    prints_numbers(sys.executable, str(SNIPPETS / "python.py"))


@check
def the_node_snippet_prints_numbers():
    prints_numbers("node", str(SNIPPETS / "node.js"))


@check
def every_snippet_says_what_is_replaced():
    files = sorted(SNIPPETS.iterdir())
    assert [file.suffix for file in files] == [".java", ".go", ".js", ".php", ".py", ".rb"], files
    for file in files:
        text = file.read_text()
        missing = [words for words in REPLACED if words not in text]
        assert not missing, f"{file.name} does not say {missing}"
        assert "NUMBERS_GATEWAY_URL" in text and "NUMBERS_GATEWAY_TOKEN" in text, file.name


run()
