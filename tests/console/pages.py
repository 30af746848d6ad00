"""Every page for every role, on a phone and on a desk, light and dark; and a photograph of each.

The photographs lie in PICTURES, `<page>-<width>-<scheme>.png`, as the first of the roles to get there sees it.
"""

import os
from pathlib import Path

from checks import check, run

import deeds
import looks
from browser import LOOKS, Look, Visitor, chromium
from crawl import walk

PICTURES = Path(os.environ["PICTURES"])
# Who sees more comes first: the photographs are theirs.
ROLES = ["approver", "requester", "auditor", "finance", "administrator", "application", "viewer"]
photographed: set[str] = set()


def photograph(visitor: Visitor, name: str, look: Look) -> None:
    picture = f"{name}-{look}.png"
    if picture not in photographed:
        photographed.add(picture)
        visitor.page.screenshot(path=PICTURES / picture, full_page=True)


def look_around(browser, role: str, look: Look) -> list[str]:
    """What is wrong with the pages of one role."""
    found = []
    with Visitor(browser, look) as visitor:
        visitor.sign_in_as(role)
        for name in walk(visitor):
            found += [f"{role}, {name}, {look}: {fault}" for fault in visitor.take_notes() + looks.faults(visitor.page)]
            photograph(visitor, name, look)
    return found


def check_role(browser, role: str):
    def every_page():
        found = [fault for look in LOOKS for fault in look_around(browser, role, look)]
        assert not found, "\n" + "\n".join(found)

    every_page.__name__ = f"every_page_of_the_{role}_is_quiet_accessible_and_fits"
    return every_page


def fill_the_console() -> None:
    """One purchase in each state that two people can bring it to, so that every page has something on it."""
    deeds.request_by_api(country="AU")
    deeds.decide_by_api(deeds.request_by_api(), "approve")
    deeds.decide_by_api(deeds.request_by_api(), "reject", comment="We have one there that nobody uses")
    deeds.decide_by_api(deeds.request_by_api(), "withdraw", role="requester")
    deeds.request_by_api(reason="Two-way texts for the Boston shop, opens on Monday", reference="SHOP-214")
    deeds.request_by_api(role="application", on_behalf_of="Lee Chen", reason="Campaign of the spring sale")


with chromium() as browser:
    fill_the_console()
    for role in ROLES:
        check(check_role(browser, role))

    @check
    def the_pages_that_say_no_are_as_good():
        for look in LOOKS:
            with Visitor(browser, look) as visitor:
                visitor.open()
                photograph(visitor, "sign-in", look)
                found = visitor.take_notes() + looks.faults(visitor.page)
                visitor.give("nonsense")
                photograph(visitor, "sign-in-refused", look)
                found += looks.faults(visitor.page)
                visitor.sign_in_as("requester")
                visitor.open("nowhere")
                photograph(visitor, "not-found", look)
                found += looks.faults(visitor.page)
                assert not found, "\n" + "\n".join(found)

    run()
