"""Where a collector forwards to: takes OTLP over HTTP with OpenTelemetry's own messages, and writes each span as a line of JSON.

    receiver.py PORT FILE
"""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PORT, FILE = int(sys.argv[1]), open(sys.argv[2], "a", buffering=1)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        lines = [
            json.dumps({**_ids(span), "name": span.name, "attributes": _attributes(span)})
            for resource in told.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]  # fmt: skip
        FILE.write("".join(f"{line}\n" for line in lines))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def _ids(span) -> dict:
    return {"trace": span.trace_id.hex(), "id": span.span_id.hex(), "parent": span.parent_span_id.hex()}


def _attributes(span) -> dict:
    return {one.key: next(iter(MessageToDict(one.value).values()), None) for one in span.attributes}


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
