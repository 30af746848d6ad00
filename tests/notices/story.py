"""An approval, from the SDK's call to the same call's answer, with every part as its users have it.

ClickSend's Python SDK asks; a receiver is told and checks the signature with PyPI's `standardwebhooks`; somebody
approves in a terminal; the SDK asks again and has the number.
"""

import json
import time
import urllib.request

import clicksend
from clicksend.exceptions import ConflictException
from standardwebhooks import Webhook, WebhookVerificationError

from checks import check, run
from stage import SECRET, stage, terminal, token

GATEWAY, SIMULATOR, TOLD = stage()
ANN, BEN = token("ann", "requester"), token("ben", "approver")
API = clicksend.NumbersApi(clicksend.ApiClient(clicksend.Configuration(host=GATEWAY, username="ann", password=ANN)))
STORY = {}


def buy():
    request = clicksend.BuyNumberRequest(dedicated_number=STORY["number"], type="sms")
    return API.purchase_dedicated_number_with_http_info(STORY["number"], request)


@check
def the_sdks_call_waits_for_people_and_a_webhook_is_told_within_two_seconds():
    STORY["number"] = API.view_available_numbers("US").data.data[0].dedicated_number
    try:
        buy()
        raise AssertionError("bought without an approval")
    except ConflictException as error:
        assert json.loads(error.body)["response_code"] == "APPROVAL_REQUIRED", error.body
        STORY["id"] = {name.lower(): value for name, value in error.headers.items()}["x-gateway-purchase"]
    asked = time.monotonic()
    STORY["notice"] = TOLD.first("approval_wanted", within=2)
    assert STORY["notice"][0] - asked < 2


@check
def an_implementation_that_is_not_ours_believes_the_signature_and_no_changed_byte():
    _, headers, body = STORY["notice"]
    notice = Webhook(SECRET).verify(body, headers)
    assert notice["data"]["purchase"]["id"] == STORY["id"], notice
    assert notice["data"]["link"] == f"https://numbers.example.com/console/purchases/{STORY['id']}", notice
    names = {name.lower(): name for name in headers}
    changed = [(headers, body.replace(b"approval_wanted", b"approval_waited"))]
    changed += [({**headers, names["webhook-id"]: "evt_0"}, body)]
    changed += [({**headers, names["webhook-timestamp"]: str(int(time.time()) - 1)}, body)]
    for other_headers, other_body in changed:
        try:
            Webhook(SECRET).verify(other_body, other_headers)
        except WebhookVerificationError:
            continue
        raise AssertionError(f"believed: {other_headers} {other_body}")


@check
def whoever_approves_finds_it_in_a_terminal_with_two_environment_variables():
    listed = terminal(GATEWAY, BEN, "list", "--state", "pending_approval")
    assert listed.returncode == 0 and STORY["id"] in listed.stdout, listed
    own = terminal(GATEWAY, ANN, "approve", STORY["id"])
    assert own.returncode == 1 and "FORBIDDEN" in own.stderr, own
    approved = terminal(GATEWAY, BEN, "approve", STORY["id"], "--comment", "as agreed")
    assert approved.returncode == 0 and "is bought" in approved.stdout, approved
    assert STORY["number"] in approved.stderr, "what is approved is shown"


@check
def the_same_call_has_the_number_now_and_it_was_sold_once():
    answer = buy()
    assert answer.status_code == 200 and answer.data.response_code == "SUCCESS", answer
    with urllib.request.urlopen(f"{SIMULATOR}/_simulator/ledger") as ledger:
        sales = [sale for sale in json.load(ledger)["sales"] if STORY["number"] in sale.values()]
    assert len(sales) == 1, sales


@check
def the_decision_and_the_purchase_are_told_as_well():
    for kind in ["decided", "bought"]:
        _, headers, body = TOLD.first(kind, within=2)
        assert Webhook(SECRET).verify(body, headers)["data"]["purchase"]["id"] == STORY["id"]


run()
