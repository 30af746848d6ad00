"""The picture of the README: the spend dashboard of a demo with six months behind it.

    picture.py FILE
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from world import free_port, until

MINUTES = 3
FOLDER = Path(tempfile.mkdtemp())

demo = subprocess.Popen(
    [os.environ["GATEWAY"], "demo", "--history", "6m", "--json", "--data-dir", FOLDER / "demo", "--listen", "127.0.0.1:0",
     "--ops-listen", "127.0.0.1:0"],
    stdout=subprocess.PIPE, text=True,
)  # fmt: skip
ready = json.loads(demo.stdout.readline())
scrape = {"job_name": "numbers-gateway", "static_configs": [{"targets": [ready["ops"].removeprefix("http://")]}]}
(FOLDER / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}))
url = f"http://127.0.0.1:{free_port()}"
prometheus = subprocess.Popen(
    ["prometheus", f"--config.file={FOLDER / 'prometheus.yml'}", f"--storage.tsdb.path={FOLDER / 'tsdb'}",
     f"--web.listen-address={url.removeprefix('http://')}"],
    stderr=subprocess.DEVNULL,
)  # fmt: skip


def ask(path: str, role: str, method: str = "GET"):
    request = urllib.request.Request(ready["api"] + path, method=method, headers={"Authorization": f"Bearer {ready['tokens'][role]}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        return json.load(refused)


try:
    until("Prometheus answers", lambda: urllib.request.urlopen(f"{url}/-/ready", timeout=5))
    began = time.monotonic()
    for country in ("AU", "US", "US", "AU"):
        offers = ask(f"/v3/numbers/search/{country}?limit=100", "requester")["data"]["data"]
        ask(f"/v3/numbers/buy/{offers[int(time.monotonic() - began) % 40]['dedicated_number']}", "requester", "POST")
        # The lines of the dashboard are of time that has passed.
        time.sleep(MINUTES * 60 / 4)
    draw = ["node", "tests/observability/renderer/draw.mjs", url, os.environ["PACKAGES"], str(FOLDER / "pictures"), f"now-{MINUTES}m"]
    subprocess.run(draw, timeout=300, check=False)
    shutil.copy(FOLDER / "pictures/spend.png", sys.argv[1])
finally:
    prometheus.terminate()
    demo.terminate()
    demo.wait(30)
    prometheus.wait(30)
    shutil.rmtree(FOLDER)
