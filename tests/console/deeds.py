"""What people do in the console, by the forms' ids and the fields' names: its contract with programs that look at pages."""

from world import TOKENS, call

from browser import Visitor


def request_by_api(role: str = "requester", country: str = "US", number: str = "", **fields) -> dict:
    """A purchase that was asked for as programs do it, for checks that are about what comes after."""
    number = number or number_on_sale(country)
    body = {"number": number, "country": country, "reason": "A line for the shop", **fields}
    status, asked = call("POST", "/v1/purchases", TOKENS[role], body, {"Idempotency-Key": f"console-{number}"})
    assert status in (201, 202), f"{status}: {asked}"
    return asked


def decide_by_api(asked: dict, verb: str, role: str = "approver", comment: str = "") -> None:
    body = {"quote_digest": asked["quote_digest"], "comment": comment}
    status, answer = call("POST", f"/v1/purchases/{asked['id']}/{verb}", TOKENS[role], body)
    assert status in (200, 201, 202), f"{status}: {answer}"


def number_on_sale(country: str) -> str:
    """The first of a country that nobody asked for yet."""
    taken = {item["number"] for item in call("GET", "/v1/purchases?limit=100", TOKENS["administrator"])[1]["items"]}
    page = call("GET", f"/v3/numbers/search/{country}?limit=100", TOKENS["requester"])[1]["data"]["data"]
    return next(offer["dedicated_number"] for offer in page if offer["dedicated_number"] not in taken)


def purchase(id: str, role: str = "administrator") -> dict:
    """A purchase as the API has it."""
    status, body = call("GET", f"/v1/purchases/{id}", TOKENS[role])
    assert status == 200, f"{status}: {body}"
    return body


def state(visitor: Visitor) -> str:
    """The state that the open purchase's page says."""
    return visitor.page.locator("#purchase").get_attribute("data-state")


def notice(visitor: Visitor) -> str:
    """What the page says above everything else."""
    return visitor.page.locator("#notice").inner_text()


def request(visitor: Visitor, country: str = "US", **fields: str) -> str:
    """Finds a number and asks for it, from the start page on; the purchase's id."""
    visitor.follow("Find a number")
    search = visitor.page.locator("#search")
    fill(search, country=country)
    visitor.click(search.get_by_role("button"))
    number = number_on_sale(country)
    visitor.click(visitor.page.locator("#offers li").filter(has_text=number).get_by_role("link"))
    form = visitor.page.locator("#request")
    fill(form, **{"reason": "A line for the shop", **fields})
    visitor.click(form.get_by_role("button"))
    return visitor.page.locator("#purchase").get_attribute("data-id")


def fill(form, **fields: str) -> None:
    for name, text in fields.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)


def decide(visitor: Visitor, button: str, comment: str = "") -> None:
    """Approves or rejects the open purchase."""
    if comment:
        visitor.page.locator("#decide [name=comment]").fill(comment)
    visitor.click(visitor.page.locator(f"#{button}"))
