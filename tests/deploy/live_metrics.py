"""Every metric that a dashboard asks for is told by a running gateway, on its operators' listener."""

import os
import re
import urllib.request

from checks import check, run
from promql import metrics

with urllib.request.urlopen(f"{os.environ['GATEWAY_OPS_URL']}/metrics", timeout=10) as answer:
    TOLD = answer.read().decode()


@check
def every_metric_of_the_dashboards_is_told():
    told = set(re.findall(r"(?m)^# TYPE ([a-z_]+) ", TOLD))
    missing = sorted(metrics() - told)
    assert not missing, f"not told: {', '.join(missing)}"


@check
def no_metric_has_a_phone_number():
    assert not re.search(r"\+?\d{10,15}\"", TOLD), "a label looks like a phone number"


run()
