"""What another site can make a browser do to the console: nothing."""

from contextlib import contextmanager

from checks import check, run
from world import GATEWAY, TOKENS

import deeds
from browser import Visitor, chromium
from outside import outside

# To the browser the first is the gateway's own site, so SameSite keeps no cookie back; the second is another.
HOSTS = ["127.0.0.1", "localhost"]

# The one request with cookies that a script may send anywhere without asking the other side first, and what it may read.
SEND = """([url, fields]) => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include',
                                         body: new URLSearchParams(fields)}).catch(() => 'no answer for scripts')"""
READ = "url => fetch(url, {credentials: 'include'}).then(answer => answer.text(), () => 'refused')"


@contextmanager
def approver_elsewhere(browser):
    """An approver who is signed in, and a purchase that waits for them."""
    asked = deeds.request_by_api()
    with Visitor(browser) as ann:
        ann.sign_in_as("approver")
        yield ann, asked


def approval(asked: dict) -> tuple[str, dict]:
    """What a form must send to approve, but for the form token, which another site cannot know."""
    fields = {"quote_digest": asked["quote_digest"], "seen_price": "", "comment": "", "form_token": "0" * 32}
    return f"{GATEWAY}/console/purchases/{asked['id']}/approve", fields


def still_waits(asked: dict) -> bool:
    return deeds.purchase(asked["id"])["state"] == "pending_approval"


with chromium() as browser, outside() as site:

    @check
    def a_form_of_another_site_approves_nothing():
        with approver_elsewhere(browser) as (ann, asked):
            site.form("/approve", *approval(asked))
            for host in HOSTS:
                ann.page.goto(site.url("/approve", host))
                ann.press("Win")
                assert ann.status in (401, 403), ann.status
                assert still_waits(asked), f"approved by a form of {host}"

    @check
    def a_script_of_another_site_approves_and_reads_nothing():
        with approver_elsewhere(browser) as (ann, asked):
            site.put("/script", "")
            for host in HOSTS:
                ann.page.goto(site.url("/script", host))
                ann.page.evaluate(SEND, list(approval(asked)))
                assert ann.page.evaluate(READ, f"{GATEWAY}/console/waiting") == "refused"
                assert still_waits(asked), f"approved by a script of {host}"

    @check
    def the_cookie_counts_for_nothing_on_the_api():
        with approver_elsewhere(browser) as (ann, asked):
            for path in ("/v1/me", "/v3/numbers", f"/v1/purchases/{asked['id']}"):
                assert ann.page.goto(GATEWAY + path).status == 401, path

    @check
    def no_page_can_be_framed():
        with approver_elsewhere(browser) as (ann, asked):
            site.put("/frame", f'<iframe src="{GATEWAY}/console/purchases/{asked["id"]}"></iframe>')
            for host in HOSTS:
                ann.page.goto(site.url("/frame", host))
                frame = ann.page.frames[1]
                frame.wait_for_load_state()
                assert asked["number"] not in frame.content(), f"framed by {host}"
                assert frame.url.startswith("chrome-error:"), frame.url

    @check
    def nobody_is_signed_in_or_out_by_another_site():
        with Visitor(browser) as rita:
            rita.sign_in_as("requester")
            site.form("/sign-in", f"{GATEWAY}/console/sign-in", {"token": TOKENS["viewer"], "form_token": "0" * 32})
            site.form("/sign-out", f"{GATEWAY}/console/sign-out", {"form_token": "0" * 32})
            for path in ("/sign-in", "/sign-out"):
                for host in HOSTS:
                    rita.page.goto(site.url(path, host))
                    rita.press("Win")
                    assert "Rita Moreau" in rita.open().locator("header").inner_text(), f"{path} of {host} worked"

    @check
    def a_form_without_its_token_does_nothing():
        with approver_elsewhere(browser) as (ann, asked):
            ann.open(f"purchases/{asked['id']}")
            ann.page.locator("#decide [name=form_token]").evaluate("field => field.remove()")
            deeds.decide(ann, "approve")
            assert ann.status == 403, ann.status
            assert still_waits(asked)

    @check
    def a_link_from_another_site_leads_to_the_page():
        with approver_elsewhere(browser) as (ann, asked):
            site.put("/link", f'<a href="{GATEWAY}/console/purchases/{asked["id"]}">decide</a>')
            for host in HOSTS:
                ann.page.goto(site.url("/link", host))
                ann.follow("decide")
                ann.page.locator("#decide").wait_for()

    @check
    def a_script_that_got_into_a_page_would_not_run():
        with approver_elsewhere(browser) as (ann, asked):
            ann.open(f"purchases/{asked['id']}")
            ann.take_notes()
            ann.page.evaluate(
                """outside => {
                    const script = document.createElement('script');
                    script.textContent = 'document.title = "taken"';
                    const picture = document.createElement('img');
                    picture.src = outside;
                    document.body.append(script, picture);
                    document.body.setAttribute('onclick', 'document.title = "taken"');
                    document.body.click();
                }""",
                site.url("/picture"),
            )
            assert ann.page.title() != "taken"
            refused = [note for note in ann.take_notes() if "Content Security Policy" in note]
            assert len(refused) >= 3, f"script, picture and handler should be refused: {refused}"

    run()
