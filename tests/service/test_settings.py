"""Settings come from flags and variables, are complete in docs/operating.md, and refuse what they do not know."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from service.settings import Settings, as_text, available_cpus
from tests.samples import REPOSITORY

KEY, OTHER_KEY = "sixteen-letters!", "another-key-of-enough-letters"


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "149000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, len(os.sched_getaffinity(0))),
        ({"cpu.max": "99900000 100000\n"}, len(os.sched_getaffinity(0))),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        (
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            len(os.sched_getaffinity(0)),
        ),
        ({}, len(os.sched_getaffinity(0))),
    ],
)
def test_workers_are_as_many_as_the_quota_and_the_affinity_allow(
    tmp_path: Path, files: dict[str, str], cpus: int
) -> None:
    """Of both versions of control groups; half a processor is one worker."""
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    assert available_cpus(tmp_path) == cpus


def test_a_variable_that_is_no_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A misspelt name is no silence; a name without the prefix is nobody's business."""
    monkeypatch.setenv("VAE_MAX_ITEM", "3")
    monkeypatch.setenv("VAELEN", "3")

    with pytest.raises(ValidationError, match=r"no such setting: VAE_MAX_ITEM \["):
        Settings()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and empty parts do not matter."""
    monkeypatch.setenv("VAE_CORS_ORIGINS", "https://a.example, http://b.example:8080,")

    assert Settings().cors_origins == ("https://a.example", "http://b.example:8080")


@pytest.mark.parametrize(
    "origin", ["*", "a.example", "https://a.example/", "https://a.example/page", "null"]
)
def test_an_origin_is_scheme_and_host_and_no_more(origin: str) -> None:
    """What a browser would never send is a mistake, and a star would be all the world."""
    with pytest.raises(ValidationError, match="is not an origin"):
        Settings(cors_origins=(origin,))


@pytest.mark.parametrize(
    "host",
    ["a.example:8000", "https://a.example", "a.example/", "*.a.example", "a example"],
)
def test_a_host_is_a_name_and_no_more(host: str) -> None:
    """With a port it would be compared with no request's."""
    assert (
        Settings(allowed_hosts=("a.example", "127.0.0.1", "[::1]")).allowed_hosts[2]
        == "[::1]"
    )
    with pytest.raises(ValidationError, match="is not a host name"):
        Settings(allowed_hosts=("a.example", host))


@pytest.mark.parametrize("address", ["proxy", "127.0.0.1/8", "10.0.0.0/33", "*"])
def test_a_proxy_is_an_address_or_a_network(address: str) -> None:
    """Or the only one, a star: anything else would silently be nobody's."""
    assert Settings(trusted_proxies=("10.0.0.0/8", "::1")).trusted_proxies == (
        "10.0.0.0/8",
        "::1",
    )
    assert Settings(trusted_proxies=("*",)).trusted_proxies == ("*",)
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=("10.0.0.1", address))


@pytest.mark.parametrize(
    "name", ["request_timeout_seconds", "drain_delay_seconds", "drain_grace_seconds"]
)
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_times_are_finite(name: str, value: str) -> None:
    """Nothing can wait for ever and end."""
    with pytest.raises(ValidationError, match=f"{name}\n.*finite"):
        Settings.model_validate({name: value})


@pytest.mark.parametrize(
    "key",
    ["short", "with a space in it..", "ünlike-any-header!", "with\ncontrol-letters"],
)
def test_a_key_that_is_short_or_no_header_is_refused(key: str) -> None:
    """And not shown in the message."""
    with pytest.raises(ValidationError, match="16 or more printable ASCII") as error:
        Settings.model_validate({"api_keys": [key]})

    assert key not in str(error.value)


def test_keys_come_from_the_setting_and_from_a_file(tmp_path: Path) -> None:
    """The file has one a line; a bad one in it is refused as well."""
    path = tmp_path / "keys"
    path.write_text(f"{OTHER_KEY}\n\n")
    assert Settings.model_validate({"api_keys": KEY, "api_keys_file": path}).keys() == (
        KEY.encode(),
        OTHER_KEY.encode(),
    )

    path.write_text("short\n")
    with pytest.raises(ValueError, match="16 or more"):
        Settings(api_keys_file=path).keys()


def test_a_file_without_keys_does_not_open_the_service(tmp_path: Path) -> None:
    """It may be in the middle of being written."""
    path = tmp_path / "keys"
    path.write_text("\n")
    with pytest.raises(ValueError, match="keys has no keys"):
        Settings.model_validate({"api_keys": KEY, "api_keys_file": path}).keys()


def test_settings_are_printed_as_variables_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each line would set what it shows, but for the keys."""
    settings = Settings.model_validate(
        {"api_keys": [KEY, KEY], "max_items": 99, "access_log": False}
    )
    lines = settings.lines()

    assert len(lines) == len(Settings.model_fields) - 1
    assert {
        "VAE_MAX_ITEMS=99",
        "VAE_ACCESS_LOG=false",
        "VAE_API_KEYS=**********,**********",
    } <= set(lines)
    assert KEY not in " ".join(lines)
    for line in lines:
        name, _, value = line.partition("=")
        if value and name != "VAE_API_KEYS":
            monkeypatch.setenv(name, value)
    assert Settings(api_keys=settings.api_keys) == settings


def row(name: str, field: FieldInfo) -> str:
    """A setting's line in docs/operating.md."""
    default = "the processors" if field.default_factory else as_text(field.default)
    return f"| `VAE_{name.upper()}` | {default} | {field.description} |"


def test_the_documentation_has_all_settings() -> None:
    """Name, default, meaning and unit, as the class has them."""
    table = "\n".join(row(name, field) for name, field in Settings.model_fields.items())

    assert table in (REPOSITORY / "docs/deployment.md").read_text(), (
        f"docs/deployment.md needs this table:\n{table}"
    )
