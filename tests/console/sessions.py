"""Signing in and out: what a browser is told, what it keeps, and for how long."""

import time

from checks import check, run
from world import TOKENS

import deeds
from browser import CONSOLE, PHONE, Visitor, chromium
from signing import sign


def is_at_sign_in(visitor: Visitor) -> bool:
    return visitor.page.locator("form#sign-in").count() == 1


with chromium() as browser:

    @check
    def who_is_not_signed_in_is_asked_to_and_then_gets_where_they_wanted():
        asked = deeds.request_by_api()
        with Visitor(browser, PHONE) as ann:
            ann.open(f"purchases/{asked['id']}")
            assert is_at_sign_in(ann)
            ann.give(TOKENS["approver"])
            assert ann.page.url == f"{CONSOLE}purchases/{asked['id']}", ann.page.url
            ann.must_be_quiet()

    @check
    def the_cookie_is_out_of_reach_of_scripts_and_other_sites():
        with Visitor(browser) as rita:
            rita.sign_in_as("requester")
            assert rita.page.evaluate("document.cookie") == ""
            kept = rita.context.cookies()
            assert len(kept) >= 1
            for cookie in kept:
                assert cookie["name"].startswith("__Host-"), cookie["name"]
                assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Strict", cookie["name"]

    @check
    def no_address_and_no_page_holds_the_token():
        with Visitor(browser) as rita:
            addresses = []
            rita.context.on("request", lambda request: addresses.append(request.url))
            page = rita.sign_in_as("requester")
            secret = TOKENS["requester"].rsplit(".", 1)[1]
            assert addresses and not any(secret in address for address in addresses)
            assert secret not in page.content()

    @check
    def signing_out_takes_the_access_away():
        with Visitor(browser, PHONE) as rita:
            rita.sign_in_as("requester")
            rita.press("Sign out")
            assert is_at_sign_in(rita)
            rita.must_be_quiet()
            rita.open("requests")
            assert is_at_sign_in(rita), "still let in"
            rita.page.go_back()
            assert not rita.page.locator("#sign-out").count(), "the way back shows the page of somebody signed in"

    @check
    def a_token_that_is_refused_is_refused_in_words():
        with Visitor(browser) as visitor:
            for token in ("nonsense", TOKENS["requester"][:-4] + "AAAA"):
                visitor.sign_in(token)
                assert is_at_sign_in(visitor)
                assert "not accepted" in deeds.notice(visitor), deeds.notice(visitor)

    @check
    def a_token_whose_time_is_over_leads_to_the_sign_in_page_with_a_word_of_why():
        # The gateway allows clocks to differ by 30 s, so 1 s of life is 31; awaited by asking, as a person would.
        with Visitor(browser) as rita:
            rita.sign_in(sign("rita", "requester", ttl="1s", team="growth"))
            deadline = time.monotonic() + 45
            while not is_at_sign_in(rita):
                assert time.monotonic() < deadline, "still signed in 45 s later"
                rita.page.wait_for_timeout(1000)
                rita.open("requests")
            assert "over" in deeds.notice(rita), deeds.notice(rita)

    run()
