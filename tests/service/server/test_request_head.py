"""Checks of a request's head."""

import pytest

from service.server.request_head import RequestHeadError, check_head, check_protocol

GOOD_HOSTS = (
    b"a",
    b"A.example:8000",
    b"127.0.0.1",
    b"[::1]:80",
    b"[fe80::1%25eth0]",
    b"under_score",
    b"a:",
    b"%C3%A4.example",
)
BAD_HOSTS = (
    b"",
    b" ",
    b":80",
    b"a b",
    b"a,b c",
    b"a/b",
    b"a@b",
    b"a:b",
    b"a:80:80",
    b"::1",
    b"[::1",
    b"a\\b",
    b"a%zz",
    b"\xe4.example",
    b"a#b",
    b"http://a",
)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_valid_host_is_accepted(version: str, host: bytes) -> None:
    """A name, an address or an IPv6 address in brackets, with or without a port."""
    check_head(version, [(b"accept", b"*/*"), (b"host", host)])


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_an_invalid_host_is_rejected(version: str, host: bytes) -> None:
    """RFC 9112, 3.2: with any version."""
    with pytest.raises(RequestHeadError, match="Host is not"):
        check_head(version, [(b"host", host)])


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_two_hosts_are_rejected(version: str) -> None:
    """Even if they are the same."""
    with pytest.raises(RequestHeadError, match="more than one Host"):
        check_head(version, [(b"host", b"a"), (b"host", b"a")])


def test_only_http_1_0_may_lack_a_host() -> None:
    """RFC 9112, 3.2."""
    check_head("1.0", [])
    with pytest.raises(RequestHeadError, match="no Host"):
        check_head("1.1", [])


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_other_versions_are_rejected(version: str) -> None:
    """The parser lets them pass."""
    with pytest.raises(RequestHeadError, match="version"):
        check_head(version, [(b"host", b"a")])


@pytest.mark.parametrize(
    "codings", [[b"gzip, chunked"], [b"gzip"], [b"identity"], [b"gzip", b"chunked"]]
)
def test_only_chunked_is_a_known_transfer_coding(codings: list[bytes]) -> None:
    """RFC 9112, 6.1: the service could not decode another one."""
    headers = [(b"host", b"a")]
    headers += [(b"transfer-encoding", coding) for coding in codings]
    with pytest.raises(RequestHeadError, match="Transfer-Encoding"):
        check_head("1.1", headers)
    check_head("1.1", [(b"host", b"a"), (b"transfer-encoding", b"Chunked")])


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1\r\n", b"\r\nGET / HTTP/1.0\r\n", b"GET  /a%20b  HTTP/1.1"]
)
def test_a_line_of_http_is_accepted(line: bytes) -> None:
    """With empty lines before it and several spaces in it, as the parser allows."""
    check_protocol(line)
    check_protocol(memoryview(line))


@pytest.mark.parametrize(
    "line",
    [
        b"GET / RTSP/1.0\r\n",
        b"GET / RTSP/1.0\r\nA: b HTTP/1.1\r\n",
        b"GET /HTTP/ ICE/1.0\r\nHTTP/1.1",
        b"GET / http/1.1\r\n",
        b"GET /\r\n",
    ],
)
def test_a_line_of_another_protocol_is_rejected(line: bytes) -> None:
    """Even if HTTP is named elsewhere."""
    with pytest.raises(RequestHeadError, match="the protocol must be HTTP"):
        check_protocol(line)
