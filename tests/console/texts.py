"""What people and upstream write is shown as text, wherever it turns up again.

One text with everything that ends an attribute, a tag or a template's braces goes into every field that takes words: of
forms, of the API, of tokens, of addresses, and of upstream's answers. Then an administrator looks at every page.
"""

from urllib.parse import quote

from checks import check, run
from world import GATEWAY, SIMULATOR, TOKENS, call, fetch

import deeds
from browser import Visitor, chromium
from crawl import walk
from signing import sign

HOSTILE = "'\"></textarea><img name=hostile src=x onerror=alert(1)><b id=hostile>{{7*7}}"
ELEMENTS = "[name=hostile], #hostile, [onerror]"


def must_be_text(visitor: Visitor, where: str) -> bool:
    """No element came of it, no script ran, nothing was loaded; whether the page shows it as it was written."""
    assert not visitor.page.locator(ELEMENTS).count(), f"{where}: an element came of a text"
    loud = [note for note in visitor.take_notes() if note.startswith(("dialog", "failed", "another host", "uncaught"))]
    assert not loud, f"{where}: {loud}"
    typed = visitor.page.locator("textarea, input").evaluate_all("fields => fields.map(field => field.value)")
    return HOSTILE in visitor.page.locator("body").inner_text() or HOSTILE in typed


def upstream_goes_wrong(operation: str, **fault) -> None:
    fetch(f"{SIMULATOR}/_simulator/faults", body={"operation": operation, "count": 1, **fault})


with chromium() as browser:

    @check
    def what_a_person_types_into_forms_is_text():
        with Visitor(browser) as rita, Visitor(browser) as ann:
            rita.sign_in_as("requester")
            asked = deeds.request(rita, reason=HOSTILE, reference=HOSTILE)
            assert must_be_text(rita, "the requester's page")
            ann.sign_in_as("approver")
            assert ann.open(f"purchases/{asked}") and must_be_text(ann, "the approver's page")
            deeds.decide(ann, "reject", HOSTILE)
            assert must_be_text(ann, "the rejection")

    @check
    def what_a_form_gives_back_to_be_corrected_is_text():
        with Visitor(browser) as rita:
            rita.sign_in_as("requester")
            rita.open(f"request?number={quote(deeds.number_on_sale('US'))}&country=US")
            form = rita.page.locator("#request")
            form.locator("[name=max_price]").evaluate("field => field.removeAttribute('maxlength')")
            deeds.fill(form, reason=HOSTILE, reference=HOSTILE, max_price=HOSTILE)
            rita.click(form.get_by_role("button"))
            assert must_be_text(rita, "the form given back")

    @check
    def who_somebody_says_they_are_is_text():
        with Visitor(browser) as visitor:
            visitor.sign_in(sign("<b/id=hostile>", "requester", name=HOSTILE, email=HOSTILE, team="growth"))
            assert must_be_text(visitor, "the header")
            deeds.request(visitor)
            assert must_be_text(visitor, "a request of theirs")

    @check
    def whom_an_application_names_is_text():
        asked = deeds.request_by_api("application", on_behalf_of=HOSTILE)
        with Visitor(browser) as ann:
            ann.sign_in_as("approver")
            assert ann.open("waiting") and must_be_text(ann, "the list")
            assert ann.open(f"purchases/{asked['id']}") and must_be_text(ann, "the page")

    @check
    def what_an_address_asks_for_is_text():
        with Visitor(browser) as ada:
            ada.open(f"sign-in?to={quote(HOSTILE)}&note={quote(HOSTILE)}")
            must_be_text(ada, "the sign-in page")
            ada.sign_in_as("administrator")
            text = quote(HOSTILE)
            for path in (f"search?country={text}", f"search?country=US&contains={text}&position={text}",
                         f"request?number={text}&country={text}&reason={text}", f"purchases?state={text}&cursor={text}",
                         f"audit?action={text}&actor={text}&target={text}", f"purchases/{text}", f"numbers?cursor={text}",
                         f"registrations/{text}", f"requests?note={text}", text):
                ada.open(path)
                must_be_text(ada, path)

    @check
    def why_upstream_refuses_is_text():
        asked = deeds.request_by_api()
        upstream_goes_wrong("buy", fault="error_envelope_in_200", response_msg=HOSTILE, response_code="BAD_REQUEST")
        deeds.decide_by_api(asked, "approve")
        with Visitor(browser) as ann:
            ann.sign_in_as("approver")
            assert ann.open(f"purchases/{asked['id']}") and must_be_text(ann, "the page")
            assert deeds.state(ann) == "failed", deeds.state(ann)

    @check
    def what_upstream_calls_a_country_is_text():
        number = deeds.number_on_sale("US")
        answer = fetch(f"{GATEWAY}/v3/numbers/search/US?limit=100", role="requester")
        rows = [row for row in answer["data"]["data"] if row["dedicated_number"] == number]
        answer["data"]["data"] = [row | {"country_name": HOSTILE, "address_requirement": HOSTILE} for row in rows]
        upstream_goes_wrong("search", fault="arbitrary", status=200, body=answer)
        asked = deeds.request_by_api(number=number)
        with Visitor(browser) as ann:
            ann.sign_in_as("approver")
            assert ann.open(f"purchases/{asked['id']}") and must_be_text(ann, "the page")

    @check
    def no_page_of_an_administrator_has_an_element_of_it():
        freeze = {"scope": "support", "reason": HOSTILE}
        status, frozen = call("POST", "/v1/freezes", TOKENS["administrator"], freeze)
        assert status == 201, frozen
        shown = set()
        with Visitor(browser) as ada:
            ada.sign_in_as("administrator")
            for name in walk(ada):
                if must_be_text(ada, name):
                    shown.add(name)
        assert "purchases" in shown or "audit" in shown, f"it is shown nowhere, so nothing was tried: {shown}"

    run()
