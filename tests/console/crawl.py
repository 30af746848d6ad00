"""Every kind of page that somebody can get to by links from their start page, one of each kind.

Two addresses are of one kind when they differ in ids and in what they ask for; a purchase's page counts once for each state,
because the state decides what stands on it.
"""

import re
from typing import Iterator

from browser import Visitor

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
LINKS = """links => links.map(link => [link.getAttribute('href'),
                                      link.closest('[data-state]')?.dataset.state ?? ''])"""
# More kinds than this are no kinds: something in an address varies that `kind` does not know of.
MOST_KINDS = 60


def kind(address: str, state: str = "") -> str:
    """A name for the kind, fit for a file."""
    path, _, query = address.split("#")[0].partition("?")
    words = [ID.sub("one", path.removeprefix("/console").strip("/")) or "start", "asked" if query else "", state]
    return "-".join(word.replace("/", "-") for word in words if word)


# Where forms lead, which links do not.
BY_FORM = ["/console/search?country=US"]


def walk(visitor: Visitor) -> Iterator[str]:
    """Opens one page of each kind after the other, breadth first, and says which kind is open."""
    waiting = {"start": "/console/", **{kind(address): address for address in BY_FORM}}
    seen = set()
    while waiting:
        name = next(iter(waiting))
        address = waiting.pop(name)
        seen.add(name)
        assert len(seen) <= MOST_KINDS, f"too many kinds of pages: {sorted(seen)}"
        visitor.open(address)
        for found, state in visitor.page.locator("a[href^='/console/']").evaluate_all(LINKS):
            if kind(found, state) not in seen and "/assets/" not in found:
                waiting.setdefault(kind(found, state), found)
        yield name
