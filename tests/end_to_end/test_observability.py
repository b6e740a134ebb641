"""What an operator sees: logs, ids, metrics, times and traces of a real process."""

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
    """A server as it comes."""
    with serve("--workers", "1") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of it."""
    with server.client() as client:
        yield client


def logged(server: Server, request_id: str) -> dict[str, object]:
    """The line of a request in the log."""
    line: dict[str, object] = json.loads(
        server.log.wait_for(f'.*"request_id": "{request_id}".*')[0]
    )
    return line


def test_each_request_is_a_line_of_json(server: Server, client: httpx.Client) -> None:
    """With all that tells what it was, and nothing of what it held."""
    answer = client.post(
        "/reconstruct", json=IMAGES, headers={"X-Request-ID": "a.sane_ID-1"}
    )
    line = logged(server, "a.sane_ID-1")

    milliseconds = line.pop("milliseconds")
    assert isinstance(milliseconds, float)
    assert 0 < milliseconds < 10_000
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", str(line.pop("time"))
    )
    assert line == {
        "level": "info",
        "message": "request",
        "request_id": "a.sane_ID-1",
        "client": "127.0.0.1",
        "method": "POST",
        "route": "/reconstruct",
        "status": 200,
        "images": len(IMAGES["images"]),
        "bytes_in": int(answer.request.headers["content-length"]),
        "bytes_out": len(answer.content),
    }
    assert IMAGES["images"][0] not in "".join(server.log.lines)


@pytest.mark.parametrize("path", ["/livez", "/nothing", "/encode"])
def test_an_id_is_made_where_none_came(
    server: Server, client: httpx.Client, path: str
) -> None:
    """Two requests never have the same one; the answer, its problem and the log agree on it."""
    first, second = client.get(path), client.get(path)

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    logged(server, first.headers["x-request-id"])
    if first.status_code != 200:
        assert first.json()["request_id"] == first.headers["x-request-id"]


@pytest.mark.parametrize(
    "given", [b"", b"a b", b'a"b', b"\xc3\xa4", b"a" * 129, b"a\tb"]
)
def test_an_id_that_is_not_sane_is_not_taken(
    client: httpx.Client, given: bytes
) -> None:
    """It could write what it likes into a log."""
    answer = client.get("/livez", headers=httpx.Headers([(b"X-Request-ID", given)]))

    assert re.fullmatch(r"[0-9a-f-]+", answer.headers["x-request-id"])


def test_on_a_terminal_the_log_is_for_people() -> None:
    """A line a request, without JSON."""
    with (
        serve("--workers", "1", "--log-format", "text") as server,
        server.client() as client,
    ):
        client.post("/encode", json=IMAGES)
        server.log.wait_for(
            r"^\d\d:\d\d:\d\d 127.0.0.1 POST /encode 200 \d+\.\d\d ms, 2 images, \d+ B in, \d+ B out, "
        )


def test_the_access_log_can_be_left_out() -> None:
    """Events are logged all the same."""
    with (
        serve("--workers", "1", "--no-access-log") as server,
        server.client() as client,
    ):
        client.get("/livez")
        server.process.terminate()
        server.log.wait_for('"message": "stopping"')

    assert "/livez" not in "".join(server.log.lines)


def test_an_answer_tells_where_its_time_went(client: httpx.Client) -> None:
    """Server-Timing has the four stages, in milliseconds."""
    header = client.post("/reconstruct", json=IMAGES).headers["server-timing"]
    stages = dict(re.findall(r"(\w+);dur=(\d+\.\d{3})", header))

    assert list(stages) == ["queue", "read", "infer", "write"]
    assert float(stages["infer"]) > 0
    assert sum(map(float, stages.values())) < 10_000


def metrics(client: httpx.Client) -> dict[str, float]:
    """All samples by name and labels."""
    lines = [
        line
        for line in client.get("/metrics").text.splitlines()
        if not line.startswith("#")
    ]
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
    }


def test_metrics_count_what_was_done(client: httpx.Client) -> None:
    """Requests by route and status, images, batches, refusals, time by stage."""
    before = metrics(client)
    client.post("/encode", json=IMAGES)
    client.post("/encode", json={"images": []})
    after = metrics(client)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert (
        grown('vae_request_duration_seconds_count{route="/encode",status="200"}') == 1
    )
    assert (
        grown('vae_request_duration_seconds_count{route="/encode",status="422"}') == 1
    )
    assert grown('vae_refusals_total{type="invalid-request"}') == 1
    # A request that is rejected brings no images.
    assert grown('vae_images_total{route="/encode"}') == 2
    assert grown("vae_batch_images_count") == 1
    assert grown('vae_stage_seconds_total{stage="infer"}') > 0
    assert after["vae_requests_in_flight"] == 1  # this one
    assert after["vae_pending_images"] == 0


def test_labels_are_bounded_whatever_is_asked_for(client: httpx.Client) -> None:
    """Made-up paths, methods and ids make no series of their own."""
    client.get("/made-up")
    before = set(metrics(client))
    for number in range(200):
        client.request(
            "PATCH" if number % 2 else "GET",
            f"/made-up/{number}",
            headers={"X-Request-ID": f"id-{number}"},
        )
    new = set(metrics(client)) - before

    assert {re.sub(r'le="[^"]*",', "", name) for name in new} <= {
        f'vae_request_duration_seconds_{part}{{route="{route}",status="{status}"}}'
        for part in ("bucket", "count", "sum")
        for route in ("other", "/metrics")
        for status in ("200", "404", "405")
    }


def test_prometheus_reads_the_metrics(client: httpx.Client, promtool: str) -> None:
    """Its own checker finds nothing wrong with them."""
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=client.get("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_head_request_is_answered_as_a_get_without_its_body(
    client: httpx.Client,
) -> None:
    """Load balancers like it."""
    answer = client.head("/readyz")

    assert (answer.status_code, answer.content) == (200, b"")
    assert client.head("/encode").status_code == 405


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """An OpenTelemetry collector that keeps what it is sent."""
    received: list[tuple[str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(
                (self.path, self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}", received
        listener.shutdown()


def test_a_trace_goes_to_the_collector_and_joins_the_callers() -> None:
    """What it was sent holds the caller's trace and the span that called."""
    with collector() as (endpoint, received):
        with (
            serve("--workers", "2", "--otlp-endpoint", endpoint) as server,
            server.client() as client,
        ):
            answer = client.post(
                "/encode",
                json=IMAGES,
                headers={"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"},
            )
            assert answer.status_code == 200
        sent = b"".join(content for path, content in received if path == "/v1/traces")

    assert bytes.fromhex(TRACE_ID) in sent
    assert bytes.fromhex(PARENT_ID) in sent
    assert b"vae-service" in sent
    assert b"/encode" in sent
