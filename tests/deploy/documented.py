"""The commands that a page tells its reader to type."""

import re
from pathlib import Path

PAGE = Path("deploy/README.md")


def blocks(heading: str, page: Path = PAGE) -> list[str]:
    """The shell blocks below a heading, up to the next one of its kind."""
    [section] = re.findall(rf"(?ms)^## {re.escape(heading)}\n(.*?)(?=^##? |\Z)", page.read_text())
    return re.findall(r"(?ms)^```sh\n(.*?)^```$", section)
