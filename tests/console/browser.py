"""Debian's Chromium, and visitors in it who note everything that a page of the console must not do.

A visitor is one person at one screen: a browser context of their own, so no two of them share a cookie. What they
note (console messages, failed loads, requests to another host, dialogs) is asked for once per page: `must_be_quiet`.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from world import GATEWAY, TOKENS

CONSOLE = f"{GATEWAY}/console/"
# A page of a program on this machine: slower than that is a fault to be seen.
PATIENCE_MS = 15_000
# As root, as in CI, Chromium has no sandbox. The rest keeps it from calling home or from filling a small /dev/shm.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]


SCHEMES = ["light", "dark"]


@dataclass(frozen=True)
class Look:
    """How a page is seen."""

    width: int = 1280
    scripts: bool = True

    def options(self) -> dict:
        phone = self.width < 600
        return {
            "viewport": {"width": self.width, "height": 740 if phone else 800},
            # A phone obeys the page's viewport line; without it the layout would be 980 px wide, as on a real one.
            "is_mobile": phone,
            "has_touch": phone,
            "color_scheme": SCHEMES[0],
            "reduced_motion": "reduce",
            "java_script_enabled": self.scripts,
            "locale": "en-AU",
            "timezone_id": "UTC",
        }


PHONE = Look(width=360)
DESK = Look()


@contextmanager
def chromium():
    """The browser; ends with the block, and whatever it started with it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody at a screen."""

    def __init__(self, browser: Browser, look: Look = DESK):
        self.look = look
        self.context = browser.new_context(**look.options())
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.clicks = 0
        self.status = 0
        self.noted: list[str] = []
        self._listen()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_) -> None:
        self.context.close()

    def _listen(self) -> None:
        note = self.noted.append
        page = self.page
        page.on("console", lambda message: note(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: note(f"uncaught: {error}"))
        page.on("requestfailed", self._look_at_failure)
        page.on("response", lambda answer: answer.status >= 400 and note(f"{answer.status}: {answer.url}"))
        page.on("dialog", self._refuse)
        self.context.on("request", self._look_at)

    def _look_at(self, request) -> None:
        if urlsplit(request.url).netloc != urlsplit(GATEWAY).netloc:
            self.noted.append(f"another host: {request.url}")

    def _look_at_failure(self, request) -> None:
        # Aborted is what the next click did to it: an icon that was still on its way.
        if request.failure != "net::ERR_ABORTED":
            self.noted.append(f"failed: {request.url} {request.failure}")

    def _refuse(self, dialog) -> None:
        self.noted.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def take_notes(self) -> list[str]:
        """What was noted since the last time."""
        noted, self.noted[:] = list(self.noted), []
        return noted

    def must_be_quiet(self) -> None:
        """Nothing was noted since the last time."""
        noted = self.take_notes()
        assert not noted, f"{self.page.url}: " + "; ".join(noted)

    def open(self, path: str = "") -> Page:
        """A page of the console, by its path below /console/ or from the root."""
        self.page.goto(GATEWAY + path if path.startswith("/") else CONSOLE + path)
        return self.page

    def sign_in(self, token: str) -> Page:
        """Pastes a token, as a person does, and arrives at the start page."""
        self.open()
        return self.give(token)

    def give(self, token: str) -> Page:
        """Pastes a token where the sign-in page asks for it; clicks count from there."""
        form = self.page.locator("#sign-in")
        form.get_by_label("token").fill(token)
        self.click(form.get_by_role("button"))
        self.clicks = 0
        return self.page

    def sign_in_as(self, role: str) -> Page:
        return self.sign_in(TOKENS[role])

    def click(self, what: Locator) -> None:
        """A click that counts. Without script every click of the console leads to a page, which is waited for."""
        self.clicks += 1
        with self.page.expect_navigation() as arrival:
            what.click()
        self.status = arrival.value.status

    def press(self, button: str) -> None:
        """Clicks the one button of that name."""
        self.click(self.page.get_by_role("button", name=button, exact=True))

    def follow(self, link: str) -> None:
        """Clicks the first link that says so."""
        self.click(self.page.get_by_role("link", name=link).first)
