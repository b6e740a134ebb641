"""Logs, request ids, metrics, timings and traces of a real process."""

import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.end_to_end.server import Server, serve
from tests.samples import card_examples

IMAGES = {"images": card_examples()}
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Server with default settings."""
    with serve("--workers", "1") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """Client of the server."""
    with server.client() as client:
        yield client


def logged(server: Server, request_id: str) -> dict[str, object]:
    """Return a request's line in the log."""
    text = server.log.wait_for(f'.*"request_id": "{request_id}".*')[0]
    line: dict[str, object] = json.loads(text)
    return line


def test_each_request_is_a_line_of_json(server: Server, client: httpx.Client) -> None:
    """The line identifies the request, and has none of its content."""
    response = client.post(
        "/reconstruct", json=IMAGES, headers={"X-Request-ID": "a.valid_ID-1"}
    )
    line = logged(server, "a.valid_ID-1")
    milliseconds = line.pop("milliseconds")
    time = str(line.pop("time"))

    assert isinstance(milliseconds, float)
    assert 0 < milliseconds < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", time)
    assert line == {
        "level": "info",
        "message": "request",
        "request_id": "a.valid_ID-1",
        "client": "127.0.0.1",
        "method": "POST",
        "route": "/reconstruct",
        "status": 200,
        "images": len(IMAGES["images"]),
        "bytes_in": int(response.request.headers["content-length"]),
        "bytes_out": len(response.content),
    }
    assert IMAGES["images"][0] not in "".join(server.log.lines)


@pytest.mark.parametrize("path", ["/livez", "/nothing", "/encode"])
def test_a_request_without_an_id_gets_a_unique_one(
    server: Server, client: httpx.Client, path: str
) -> None:
    """The response's header, its problem and the log have the same id."""
    first, second = client.get(path), client.get(path)

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    logged(server, first.headers["x-request-id"])
    if first.status_code != 200:
        assert first.json()["request_id"] == first.headers["x-request-id"]


@pytest.mark.parametrize(
    "given", [b"", b"a b", b'a"b', b"\xc3\xa4", b"a" * 129, b"a\tb"]
)
def test_an_unusual_id_is_replaced(client: httpx.Client, given: bytes) -> None:
    """It could insert text into the log."""
    headers = httpx.Headers([(b"X-Request-ID", given)])
    response = client.get("/livez", headers=headers)

    assert re.fullmatch(r"[0-9a-f-]+", response.headers["x-request-id"])


def test_the_log_may_be_text() -> None:
    """Each request is one line that is easy to read."""
    with (
        serve("--workers", "1", "--log-format", "text") as server,
        server.client() as client,
    ):
        client.post("/encode", json=IMAGES)
        server.log.wait_for(
            r"^\d\d:\d\d:\d\d 127.0.0.1 POST /encode 200 "
            r"\d+\.\d\d ms, 2 images, \d+ B in, \d+ B out, "
        )


def test_the_access_log_can_be_disabled() -> None:
    """Events are still logged."""
    with (
        serve("--workers", "1", "--no-access-log") as server,
        server.client() as client,
    ):
        client.get("/livez")
        server.process.terminate()
        server.log.wait_for('"message": "stopping"')

    assert "/livez" not in "".join(server.log.lines)


def test_a_response_has_the_times_of_its_stages(client: httpx.Client) -> None:
    """Server-Timing has four stages, in milliseconds."""
    header = client.post("/reconstruct", json=IMAGES).headers["server-timing"]
    stages = dict(re.findall(r"(\w+);dur=(\d+\.\d{3})", header))

    assert list(stages) == ["queue", "read", "infer", "write"]
    assert float(stages["infer"]) > 0
    assert sum(map(float, stages.values())) < 10_000


def metrics(client: httpx.Client) -> dict[str, float]:
    """Return all samples by name and labels."""
    samples = {}
    for line in client.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name] = float(value)
    return samples


def test_metrics_count_requests_images_problems_and_time(client: httpx.Client) -> None:
    """Requests have labels of route and status, and times have their stage."""
    before = metrics(client)
    client.post("/encode", json=IMAGES)
    client.post("/encode", json={"images": []})
    after = metrics(client)

    def increase(name: str) -> float:
        return after[name] - before.get(name, 0)

    count = "vae_request_duration_seconds_count"
    assert increase(f'{count}{{route="/encode",status="200"}}') == 1
    assert increase(f'{count}{{route="/encode",status="422"}}') == 1
    assert increase('vae_refusals_total{type="invalid-request"}') == 1
    # Images of rejected requests are not counted.
    assert increase('vae_images_total{route="/encode"}') == 2
    assert increase("vae_batch_images_count") == 1
    assert increase('vae_stage_seconds_total{stage="infer"}') > 0
    assert after["vae_requests_in_flight"] == 1  # the request for the metrics
    assert after["vae_queue_seconds"] == 0


def test_the_number_of_labels_is_bounded(client: httpx.Client) -> None:
    """Invented paths, methods and ids add no time series."""
    client.get("/made-up")
    before = set(metrics(client))
    for number in range(200):
        client.request(
            "PATCH" if number % 2 else "GET",
            f"/made-up/{number}",
            headers={"X-Request-ID": f"id-{number}"},
        )
    added = set(metrics(client)) - before
    without_bounds = {re.sub(r'le="[^"]*",', "", name) for name in added}

    assert without_bounds <= {
        f'vae_request_duration_seconds_{part}{{route="{route}",status="{status}"}}'
        for part in ("bucket", "count", "sum")
        for route in ("other", "/metrics")
        for status in ("200", "404", "405")
    }


def test_prometheus_accepts_the_metrics(client: httpx.Client, promtool: str) -> None:
    """Its own checker finds no errors."""
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=client.get("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0
    assert checked.stderr == ""


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    """Load balancers send such requests."""
    response = client.head("/readyz")

    assert response.status_code == 200
    assert response.content == b""
    assert client.head("/encode").status_code == 405


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Run an OpenTelemetry collector; yield its URL and the requests it receives.

    Each request is a path and a body.
    """
    received: list[tuple[str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.append((self.path, self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}", received
        listener.shutdown()


def test_traces_are_sent_to_the_collector() -> None:
    """A span belongs to the trace of the caller, whose span is its parent."""
    headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"}
    with collector() as (endpoint, received):
        with (
            serve("--workers", "2", "--otlp-endpoint", endpoint) as server,
            server.client() as client,
        ):
            response = client.post("/encode", json=IMAGES, headers=headers)
            assert response.status_code == 200
        sent = b"".join(content for path, content in received if path == "/v1/traces")

    assert bytes.fromhex(TRACE_ID) in sent
    assert bytes.fromhex(PARENT_ID) in sent
    assert b"vae-service" in sent
    assert b"/encode" in sent
