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


def broken_words(page: Page) -> list[str]:
    """Short words that stand in two lines, because what is beside them took the room."""
    return page.evaluate(
        """() => {
            const broken = [], range = document.createRange(), short = /(?<![\\p{L}\\p{N}])[\\p{L}\\p{N}]{3,14}(?![\\p{L}\\p{N}])/gu;
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            for (let text = texts.nextNode(); text; text = texts.nextNode())
                for (const word of text.data.matchAll(short)) {
                    range.setStart(text, word.index);
                    range.setEnd(text, word.index + word[0].length);
                    const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
                    if (lines.size > 1) broken.push(`broken word: ${word[0]}`);
                }
            return broken;
        }"""
    )


def faults(page: Page) -> list[str]:
    """Everything that is wrong with the page as it stands on the screen."""
    found = violations(page) + small_targets(page) + broken_words(page)
    wide = too_wide(page)
    return [*found, wide] if wide else found
