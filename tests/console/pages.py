"""Every page for every role, on a phone and on a desk, light and dark; and a photograph of each.

The photographs lie in PICTURES, `<page>-<width>-<scheme>.png`, as the first of the roles to get there sees it.
"""

import os
from pathlib import Path
from typing import Iterable, Iterator
from urllib.parse import quote

from checks import check, run

import deeds
import looks
from browser import DESK, PHONE, SCHEMES, Look, Visitor, chromium
from crawl import walk

PICTURES = Path(os.environ["PICTURES"])
EVERYBODYS = {"search-asked", "requests", "purchases", "numbers", "registrations", "budgets"}
# What each role must get to beside these: a walk that finds no links would find no faults either. Who sees more comes
# first, because the photographs are theirs.
ROLES = {
    "approver": {"waiting", "purchases-one-pending_approval", "purchases-one-bought", "purchases-one-rejected"},
    "requester": {"request-asked", "purchases-one-withdrawn"},
    "auditor": {"audit"},
    "finance": set(),
    "administrator": {"waiting", "request-asked", "audit"},
    "application": {"request-asked"},
    "viewer": set(),
}
photographed: set[str] = set()


def look_at(visitor: Visitor, name: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the open page, light and dark; its photographs."""
    for scheme in SCHEMES:
        visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        yield from ((f"{name}, {visitor.look.width}, {scheme}", fault) for fault in looks.faults(visitor.page))
        picture = f"{name}-{visitor.look.width}-{scheme}.png"
        if picture not in photographed:
            photographed.add(picture)
            visitor.page.screenshot(path=PICTURES / picture, full_page=True)


def look_around(browser, role: str, look: Look) -> Iterator[tuple[str, str]]:
    """What is wrong with the pages of one role: page and fault."""
    with Visitor(browser, look) as visitor:
        visitor.sign_in_as(role)
        missing = EVERYBODYS | ROLES[role]
        for name in walk(visitor):
            missing.discard(name)
            yield from look_at(visitor, name)
            yield from ((name, note) for note in visitor.take_notes())
        yield from ((name, "no link leads there") for name in missing)


def must_be_none(faults: Iterable[tuple[str, str]]) -> None:
    """One line for each page and each first word of a fault: a list of fifty rows has the same one fifty times."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, fault in faults:
        found.setdefault((name, fault.split(":")[0]), []).append(fault)
    lines = [f"{name}: {same[0]} ({len(same)} times)" for (name, _), same in found.items()]
    assert not lines, "\n" + "\n".join(lines)


def check_role(browser, role: str):
    def every_page():
        must_be_none(fault for look in (PHONE, DESK) for fault in look_around(browser, role, look))

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


def look_at_refusals(browser, look: Look) -> Iterator[tuple[str, str]]:
    """Pages that no link leads to. What the browser says of their status is no fault, so nobody asks for its notes."""
    with Visitor(browser, look) as visitor:
        visitor.open()
        yield from look_at(visitor, "sign-in")
        visitor.give("nonsense")
        yield from look_at(visitor, "sign-in-refused")
        visitor.sign_in_as("requester")
        visitor.open("nowhere")
        yield from look_at(visitor, "not-found")
        visitor.open(f"request?number={quote(deeds.number_on_sale('GB'))}&country=GB")
        visitor.click(visitor.page.locator("#request").get_by_role("button"))
        yield from look_at(visitor, "request-refused")


with chromium() as browser:
    fill_the_console()
    for role in ROLES:
        check(check_role(browser, role))

    @check
    def the_pages_that_say_no_are_as_good():
        must_be_none(fault for look in (PHONE, DESK) for fault in look_at_refusals(browser, look))

    run()
