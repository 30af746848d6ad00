"""ClickSend's official Python SDK, unmodified, through the gateway: base URL and key changed, nothing else."""

import json

import clicksend
from clicksend.exceptions import (
    ApiException,
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
    UnprocessableEntityException,
)

from checks import check, run
from world import COUNTRY, GATEWAY, LOOKED_AT_COUNTRY, NOT_FOR_SALE, TOKENS, call, fetch, ledger, offers, sales_of

NUMBERS = offers("python")
REGISTRATION = clicksend.BuyNumberRequestRegistrationData(
    business_name="Sample Bakery Pty Ltd",
    business_address="1 Example Street",
    suburb="Melbourne",
    postcode="3000",
    state="Victoria",
    contact_name="Ann Lee",
    contact_number="+61491570156",
    country="AU",
)
CAMPAIGN = {
    "full_name": "Ann Lee",
    "company_name": "Sample Bakery",
    "email": "ann@example.com",
    "website_url": "https://example.com",
    "sample_message": "Your order is ready.",
    "primary_use_case": "Notifications",
    "company_number": "+1-800-555-0199",
    "area_code": "416, 647, 905",
}


def numbers_api(role: str = "requester", host: str = GATEWAY, password: str | None = None) -> clicksend.NumbersApi:
    key = TOKENS[role] if password is None else password
    configuration = clicksend.Configuration(host=host, username="anything", password=key)
    return clicksend.NumbersApi(clicksend.ApiClient(configuration))


def buy(number: str, role: str = "requester", **more):
    request = clicksend.BuyNumberRequest(dedicated_number=number, type="sms")
    return numbers_api(role).purchase_dedicated_number_with_http_info(number, request, **more)


def refused(kind: type[ApiException], code: str, call, *arguments, **more) -> ApiException:
    """The exception that the call raises, which must be of this kind and carry this code in an envelope."""
    try:
        call(*arguments, **more)
    except ApiException as error:
        assert type(error) is kind, f"{type(error).__name__} ({error.status}) instead of {kind.__name__}: {error.body}"
        body = json.loads(error.body)
        assert body["http_code"] == error.status, body
        assert body["response_code"] == code, body
        return error
    raise AssertionError(f"nothing was raised, {kind.__name__} was expected")


@check
def a_search_answers_a_page():
    answer = numbers_api().view_available_numbers(COUNTRY)
    assert answer.http_code == 200 and answer.response_code == "SUCCESS", answer
    page = answer.data
    assert page.total >= len(page.data) > 0 and page.current_page == 1 and page.per_page >= 15, page
    assert all(offer.country == COUNTRY and offer.price_monthly for offer in page.data), page
    assert page.currency.currency_name_short, "the search names no currency"


@check
def the_own_numbers_take_every_parameter():
    answer = numbers_api().view_your_numbers_with_http_info(
        page=1,
        limit=100,
        q=f"type:sms,country:{COUNTRY}",
        q2="type:mms",
        excluding_number_type="tollfree",
        exclude_10dlc_campaign=True,
    )
    assert answer.status_code == 200, answer
    assert answer.data.data.current_page == 1 and answer.data.data.per_page == 100, answer.data


@check
def a_page_without_rows_is_read():
    page = numbers_api().view_your_numbers(page=1, q="number_type:shortcode,country:NZ").data
    assert page.total == 0 and not page.data, page


@check
def a_buy_is_answered_200_and_is_one_sale():
    number = NUMBERS[0]
    answer = buy(number)
    assert answer.status_code == 200, answer
    assert answer.data.data.dedicated_number == number, answer.data
    assert answer.data.data.country == COUNTRY and answer.data.data.price_total, answer.data
    assert answer.headers.get("X-Gateway-Purchase"), "the answer names no purchase"
    assert sales_of(number) == 1, f"{sales_of(number)} sales"


@check
def the_same_buy_again_is_the_same_purchase():
    number = NUMBERS[1]
    first, again = buy(number), buy(number)
    assert again.raw_data == first.raw_data, "the second answer differs from the first"
    assert again.headers["X-Gateway-Purchase"] == first.headers["X-Gateway-Purchase"]
    assert sales_of(number) == 1, f"{sales_of(number)} sales"


@check
def a_bought_number_stands_among_the_own_numbers():
    own = [row.dedicated_number for row in numbers_api().view_your_numbers(limit=100).data.data]
    assert NUMBERS[0] in own, own


@check
def an_idempotency_key_goes_with_a_buy():
    number, key = NUMBERS[2], {"Idempotency-Key": f"python-{NUMBERS[2]}"}
    first, again = buy(number, _headers=dict(key)), buy(number, _headers=dict(key))
    assert again.raw_data == first.raw_data and sales_of(number) == 1
    refused(UnprocessableEntityException, "IDEMPOTENCY_KEY_REUSED", buy, NUMBERS[3], _headers=dict(key))
    assert sales_of(NUMBERS[3]) == 0, "a refused key bought a number"


@check
def registration_data_reaches_the_seller():
    number = NUMBERS[3]
    request = clicksend.BuyNumberRequest(dedicated_number=number, type="sms", registration_data=REGISTRATION)
    answer = numbers_api("administrator").purchase_dedicated_number(number, request)
    assert answer.data.dedicated_number == number, answer
    assert REGISTRATION.business_name in json.dumps(ledger()["requests"]), "the seller was not told the business"


@check
def a_registration_is_accepted():
    request = clicksend.RegisterNumbersRequest(**CAMPAIGN)
    answer = numbers_api().register_numbers_with_http_info("10dlc", "CA", register_numbers_request=request)
    assert answer.status_code == 200 and answer.data.response_code == "SUCCESS", answer
    assert not answer.data.data, answer.data


@check
def a_registration_with_the_company_as_the_person_is_a_bad_request():
    request = clicksend.RegisterNumbersRequest(**{**CAMPAIGN, "full_name": CAMPAIGN["company_name"]})
    register = numbers_api().register_numbers
    error = refused(BadRequestException, "BAD_REQUEST", register, "10dlc", "CA", register_numbers_request=request)
    assert "full_name" in json.loads(error.body)["data"], error.body


@check
def a_wrong_key_is_unauthorized():
    for key in ("wrong", "a.b.c", TOKENS["requester"][:-2]):
        search = numbers_api(password=key).view_available_numbers
        refused(UnauthorizedException, "UNAUTHORIZED", search, COUNTRY)


@check
def no_key_is_unauthorized():
    api = clicksend.NumbersApi(clicksend.ApiClient(clicksend.Configuration(host=GATEWAY)))
    refused(UnauthorizedException, "UNAUTHORIZED", api.view_available_numbers, COUNTRY)


@check
def a_viewer_may_search_but_not_buy():
    assert numbers_api("viewer").view_available_numbers(COUNTRY).data.data
    refused(ForbiddenException, "FORBIDDEN", buy, NOT_FOR_SALE, "viewer")


@check
def a_number_that_nobody_sells_is_a_conflict():
    refused(ConflictException, "NUMBER_NOT_AVAILABLE", buy, NOT_FOR_SALE)
    assert sales_of(NOT_FOR_SALE) == 0


@check
def a_malformed_number_is_a_bad_request():
    error = refused(BadRequestException, "BAD_REQUEST", buy, "not a number/..")
    assert "dedicated_number" in json.loads(error.body)["data"], error.body


@check
def a_body_that_names_another_number_is_a_bad_request():
    request = clicksend.BuyNumberRequest(dedicated_number=NUMBERS[0], type="sms")
    purchase = numbers_api().purchase_dedicated_number
    refused(BadRequestException, "BAD_REQUEST", purchase, NOT_FOR_SALE, request)


@check
def what_the_gateway_does_not_serve_is_not_found():
    configuration = clicksend.Configuration(host=GATEWAY, username="anything", password=TOKENS["requester"])
    statistics = clicksend.StatisticsApi(clicksend.ApiClient(configuration))
    refused(NotFoundException, "NOT_SERVED_HERE", statistics.view_sms_statistics)


@check
def a_slash_or_a_version_too_much_in_the_base_url_does_no_harm():
    for host in (f"{GATEWAY}/", f"{GATEWAY}//", f"{GATEWAY}/v3", f"{GATEWAY}/v3/"):
        assert numbers_api(host=host).view_available_numbers(COUNTRY).data.data, host
        # A buy that is redirected would be sent twice or lost; this one was bought above.
        request = clicksend.BuyNumberRequest(dedicated_number=NUMBERS[0], type="sms")
        assert numbers_api(host=host).purchase_dedicated_number(NUMBERS[0], request).data, host
    assert sales_of(NUMBERS[0]) == 1


def decide(role: str, purchase: dict) -> tuple[int, dict]:
    """Approves, as somebody who was shown the purchase."""
    path = f"/v1/purchases/{purchase['id']}/approve"
    return call("POST", path, TOKENS[role], {"quote_digest": purchase["quote_digest"]}, {"Prefer": "wait=20"})


def asked(number: str, role: str, **more) -> dict:
    """The purchase behind a buy that waits for other people."""
    error = refused(ConflictException, "APPROVAL_REQUIRED", buy, number, role, **more)
    status, purchase = call("GET", error.headers["Location"], TOKENS["approver"])
    assert status == 200 and purchase["state"] == "pending_approval", purchase
    return purchase


@check
def a_buy_that_others_must_approve_is_the_same_call_again_once_they_have():
    number = numbers_api().view_available_numbers(LOOKED_AT_COUNTRY).data.data[0].dedicated_number
    purchase = asked(number, "requester")
    assert sales_of(number) == 0
    status, approved = decide("approver", purchase)
    assert (status, approved["state"]) == (200, "bought"), approved
    answer = buy(number)
    assert answer.status_code == 200 and answer.data.data.dedicated_number == number, answer
    assert sales_of(number) == 1


@check
def what_an_application_buys_for_ann_neither_of_them_approves():
    number = numbers_api().view_available_numbers(LOOKED_AT_COUNTRY).data.data[1].dedicated_number
    headers = {"X-Gateway-On-Behalf-Of": "Ann Lee"}
    purchase = asked(number, "application", _headers=headers)
    for role in ["application", "approver"]:
        status, problem = decide(role, purchase)
        assert (status, problem["code"]) == (403, "FORBIDDEN"), (role, problem)
    assert sales_of(number) == 0
    status, approved = decide("second_approver", purchase)
    assert (status, approved["state"]) == (200, "bought"), approved
    assert buy(number, "application", _headers=headers).status_code == 200
    assert sales_of(number) == 1


run()
