"""The way of a request through the console: found, asked for, decided, bought; and the ways that end before."""

import re
from contextlib import contextmanager

from checks import check, run
from world import sales_of

import deeds
from browser import DESK, PHONE, Look, Visitor, chromium

MOST_CLICKS = 3


@contextmanager
def signed_in(browser, role: str, look: Look = DESK):
    """Somebody on their start page, who leaves without having noted anything."""
    with Visitor(browser, look) as visitor:
        visitor.sign_in_as(role)
        yield visitor
        visitor.must_be_quiet()


def bought_by_two(browser, desk: Look, phone: Look) -> None:
    with signed_in(browser, "requester", desk) as rita:
        asked = deeds.request(rita, country="US")
        assert deeds.state(rita) == "pending_approval", deeds.state(rita)
        number = deeds.purchase(asked)["number"]
        assert sales_of(number) == 0, "bought before anybody looked at it"
        with signed_in(browser, "approver", phone) as ann:
            ann.click(ann.page.locator(f"[data-id='{asked}']").get_by_role("link").first)
            deeds.decide(ann, "approve")
            assert deeds.state(ann) == "bought", deeds.state(ann)
            assert ann.clicks <= MOST_CLICKS, f"{ann.clicks} clicks from the start page"
            print(f"     approved in {ann.clicks} clicks")
        rita.page.reload()
        assert deeds.state(rita) == "bought", "who asked does not see it"
    assert sales_of(number) == 1, f"{sales_of(number)} sales"


def figure(amount: dict) -> str:
    return amount["amount"]


def figures(text: str) -> set[str]:
    """Every amount in a text, as the API writes it."""
    return set(re.findall(r"-?\d+\.\d{2}", text.replace(",", "").replace("\u202f", "").replace("\u2212", "-")))


with chromium() as browser:

    @check
    def a_request_is_approved_on_a_phone_in_three_clicks_and_bought_once():
        bought_by_two(browser, DESK, PHONE)

    @check
    def the_same_works_without_script():
        bought_by_two(browser, Look(scripts=False), Look(width=360, scripts=False))

    @check
    def a_rejected_request_shows_the_comment_and_buys_nothing():
        asked = deeds.request_by_api()
        with signed_in(browser, "approver", PHONE) as ann:
            ann.open(f"purchases/{asked['id']}")
            deeds.decide(ann, "reject", "Use the number we have")
            assert deeds.state(ann) == "rejected", deeds.state(ann)
        with signed_in(browser, "requester") as rita:
            rita.open(f"purchases/{asked['id']}")
            assert "Use the number we have" in rita.page.locator("#history").inner_text()
            assert not rita.page.locator("#decide, #withdraw").count(), "there is still something to decide"
        assert sales_of(asked["number"]) == 0

    @check
    def a_withdrawn_request_leaves_the_list_of_what_waits():
        asked = deeds.request_by_api()
        with signed_in(browser, "requester", PHONE) as rita:
            rita.open(f"purchases/{asked['id']}")
            rita.click(rita.page.locator("#withdraw").get_by_role("button"))
            assert deeds.state(rita) == "withdrawn", deeds.state(rita)
        with signed_in(browser, "approver") as ann:
            ann.open("waiting")
            assert not ann.page.locator(f"[data-id='{asked['id']}']").count(), "it still waits"
        assert sales_of(asked["number"]) == 0

    @check
    def who_may_not_decide_gets_no_buttons():
        asked = deeds.request_by_api()
        for role in ("requester", "viewer", "finance", "auditor", "application"):
            with signed_in(browser, role) as visitor:
                visitor.open(f"purchases/{asked['id']}")
                assert not visitor.page.locator("#decide").count(), f"{role} may decide"

    @check
    def another_teams_purchase_is_not_there():
        asked = deeds.request_by_api()
        with Visitor(browser) as sam:
            sam.sign_in_as("other_team_requester")
            answer = sam.page.goto(f"{sam.page.url.split('/console')[0]}/console/purchases/{asked['id']}")
            assert answer.status == 404, answer.status
            assert asked["number"] not in sam.page.content()

    @check
    def the_bar_shows_the_figures_of_the_api():
        asked = deeds.request_by_api()
        budget = deeds.purchase(asked["id"], "approver")["budget"]
        with signed_in(browser, "approver", PHONE) as ann:
            ann.open(f"purchases/{asked['id']}")
            said = ann.page.locator("svg.bar").first.get_attribute("aria-label")
            for key in ("spent", "held", "spend_per_month"):
                assert figure(budget[key]) in figures(said), f"{key} {budget[key]} is not in: {said}"
            shown = ann.page.locator("#main").inner_text()
            assert figure(budget["left_after"]) in figures(shown), f"what is left after, {budget['left_after']}"

    run()
