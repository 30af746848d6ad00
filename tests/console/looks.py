"""What every page must be, whoever looks at it and however: quiet, accessible, and no wider than the screen."""

import json
import os
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(os.environ["AXE"]).read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """What axe finds, one line each. Chromium lets a debugger run it whatever the page's policy says."""
    page.evaluate(AXE)
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found = page.evaluate(f"axe.run(document, {options}).then(result => result.violations)")
    return [
        f"{fault['id']}: {node['target'][0]}: {node['failureSummary'].splitlines()[-1].strip()}"
        for fault in found
        for node in fault["nodes"]
    ]


def too_wide(page: Page) -> str | None:
    """The page can be scrolled sideways."""
    seen, whole = page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollWidth]")
    asked = page.viewport_size["width"]
    return None if max(seen, whole) <= asked else f"{max(seen, whole)} px wide on a screen of {asked}"


def small_targets(page: Page) -> list[str]:
    """What a thumb must hit and is too small for one: buttons and fields below 44 px, as Apple's and WCAG 2.5.5 have it."""
    return page.evaluate(
        """() => [...document.querySelectorAll('button, select, textarea, input:not([type=hidden]):not([type=radio]):not([type=checkbox])')]
            .map(each => [each, each.getBoundingClientRect()])
            .filter(([each, box]) => box.height && box.height < 43.5)
            .map(([each, box]) => `${each.tagName} ${each.id || each.name} is ${Math.round(box.height)} px high`)"""
    )


WORDS = r"""() => {
    const found = [], range = document.createRange();
    const short = /(?<!\S)[^\s-]{3,14}(?!\S)/g;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode())
        for (const word of text.data.matchAll(short)) {
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            const boxes = [...range.getClientRects()];
            if (new Set(boxes.map(box => Math.round(box.top))).size > 1) found.push(`broken word: ${word[0]}`);
            const sheet = text.parentElement.closest('.sheet, .card, .notice')?.getBoundingClientRect();
            if (boxes.some(box => sheet && box.right > sheet.right)) found.push(`outside its sheet: ${word[0]}`);
        }
    return found;
}"""


def misplaced_words(page: Page) -> list[str]:
    """Short words in two lines, and words beyond the edge of their sheet: what is beside them took the room."""
    return page.evaluate(WORDS)


def faults(page: Page) -> list[str]:
    """Everything that is wrong with the page as it stands on the screen."""
    found = violations(page) + small_targets(page) + misplaced_words(page)
    wide = too_wide(page)
    return [*found, wide] if wide else found
