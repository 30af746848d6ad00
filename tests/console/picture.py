"""The picture of the README: what an approver sees on a phone, beside the same page on a desk.

    picture.py FILE

Made on demand, because every run would differ by its times, and a run of the tests changes no file of the tree.
"""

import sys
from base64 import b64encode
from pathlib import Path

import deeds
from browser import DESK, PHONE, Visitor, chromium

# What a README may weigh.
MOST_BYTES = 150 * 1024
SHEET = """<!doctype html><body style="margin:0;padding:32px;display:flex;gap:32px;background:#dfe3e1;width:fit-content">
<img src="{desk}" width="780" style="border-radius:10px"><img src="{phone}" width="300" style="border-radius:18px"></body>"""


def photograph(browser, look, path: str) -> str:
    """What fits the approver's screen, as an address that an image may have."""
    with Visitor(browser, look) as ann:
        ann.sign_in_as("approver")
        ann.open(path)
        ann.must_be_quiet()
        return "data:image/png;base64," + b64encode(ann.page.screenshot()).decode()


def main(file: Path) -> None:
    deeds.decide_by_api(deeds.request_by_api(), "approve")
    deeds.request_by_api(country="AU")
    asked = deeds.request_by_api(reason="Two-way texts for the Boston shop, opens on Monday", reference="SHOP-214")
    path = f"purchases/{asked['id']}"
    with chromium() as browser:
        sheet = SHEET.format(desk=photograph(browser, DESK, path), phone=photograph(browser, PHONE, path))
        page = browser.new_page(viewport={"width": 1240, "height": 600})
        page.set_content(sheet)
        page.locator("body").screenshot(path=file)
    size = file.stat().st_size
    assert size <= MOST_BYTES, f"{file} has {size} bytes, more than {MOST_BYTES}"
    print(f"{file}: {size // 1024} KiB")


main(Path(sys.argv[1]))
