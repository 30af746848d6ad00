"""The environment that image and unit both give a gateway."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = ("Dockerfile", "deploy/systemd/numbers-gateway.service")


def as_shipped() -> dict[str, str]:
    """What they tell the C library's allocator."""
    said = re.compile(r"^(?:ENV |Environment=)(MALLOC_\w+)=(\d+)$", re.M)
    image, unit = (dict(said.findall((PROJECT / path).read_text())) for path in SHIPPED)
    assert image == unit and image, (image, unit)
    return image
