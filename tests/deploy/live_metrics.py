"""What a running gateway tells Prometheus is what the dashboards ask for.

    live_metrics.py FILE

Buys one number, reads /metrics of the operators' listener, and leaves in FILE a test for promtool that each query of
each dashboard finds something in it.
"""

import base64
import json
import os
import re
import sys
import urllib.request
from pathlib import Path

import promql
from checks import check, run

API, OPS = os.environ["GATEWAY_URL"], os.environ["GATEWAY_OPS_URL"]
TOKENS = json.loads(os.environ["GATEWAY_TOKENS"])


def ask(url: str, **more) -> str:
    key = base64.b64encode(f"anything:{TOKENS['requester']}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {key}"}, **more)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def told_after_a_purchase() -> str:
    offers = json.loads(ask(f"{API}/v3/numbers/search/AU"))["data"]["data"]
    ask(f"{API}/v3/numbers/buy/{offers[0]['dedicated_number']}", method="POST")
    return ask(f"{OPS}/metrics")


TOLD = told_after_a_purchase()
Path(sys.argv[1]).write_text(promql.as_test(TOLD))


@check
def every_metric_of_the_dashboards_is_told():
    told = set(re.findall(r"(?m)^# TYPE (\w+) ", TOLD))
    missing = sorted(promql.metrics() - told)
    assert not missing, f"not told: {', '.join(missing)}"


@check
def no_label_is_a_phone_number():
    assert not re.search(r'"\+?\d{10,15}"', TOLD), "a label looks like a phone number"


run()
