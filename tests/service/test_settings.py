"""Settings: flags, variables, validation, documentation."""

from codecs import BOM_UTF8
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from service.settings import Settings, as_text, program_name, shipped_model
from tests.samples import REPOSITORY

KEY, OTHER_KEY = "sixteen-letters!", "another-key-of-enough-letters"


def test_an_unknown_variable_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is an error; a name without the prefix is ignored."""
    monkeypatch.setenv("VAE_MAX_ITEM", "3")
    monkeypatch.setenv("VAELEN", "3")

    with pytest.raises(ValidationError, match=r"no such setting: VAE_MAX_ITEM \["):
        Settings()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("/usr/bin/vae-service", "vae-service"),
        ("service/__main__.py", "python -m service"),
    ],
)
def test_the_help_names_the_command_as_called(
    monkeypatch: pytest.MonkeyPatch, program: str, name: str
) -> None:
    """An installed command is not known as a module."""
    monkeypatch.setattr("sys.argv", [program, "--help"])

    assert program_name() == name


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and empty items are ignored."""
    monkeypatch.setenv("VAE_CORS_ORIGINS", "https://a.example, http://b.example:8080,")

    assert Settings().cors_origins == ("https://a.example", "http://b.example:8080")


@pytest.mark.parametrize("name", ["VAE_HOST", "VAE_API_KEYS", "VAE_MAX_ITEMS"])
def test_an_empty_variable_counts_as_not_set(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An empty host would be all addresses, and an empty number is none."""
    monkeypatch.setenv(name, "")

    assert Settings() == Settings.model_construct()


@pytest.mark.parametrize("text", [",", " ", " , "])
@pytest.mark.parametrize("name", ["api_keys", "cors_origins", "allowed_hosts"])
def test_a_list_of_nothing_is_rejected(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """The service must not stand open because of a mistake."""
    monkeypatch.setenv(f"VAE_{name.upper()}", text)

    with pytest.raises(ValidationError, match=f"{name}\n.*the list is empty"):
        Settings()


@pytest.mark.parametrize("host", ["", " ", "a b"])
def test_a_host_is_not_blank(host: str) -> None:
    """A blank host would be all addresses."""
    with pytest.raises(ValidationError, match="host"):
        Settings(host=host)


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example",
        "http://localhost:3000",
        "http://[::1]:8080",
        "https://xn--bcher-kva.example",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://1f0c4e6a-0000-4000-8000-0123456789ab",
        "safari-web-extension://5C4F8B1A-0000-4000-8000-0123456789AB",
        "null",
    ],
)
def test_origins_of_pages_apps_and_extensions_are_accepted(origin: str) -> None:
    """All that browsers send in the Origin header."""
    assert Settings(cors_origins=(origin,)).cors_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "a.example",
        "https://a.example/",
        "https://a.example/page",
        "https://*.a.example",
        "https://A.example",
        "HTTPS://a.example",
        "https://user@a.example",
        "https://a example",
        "https://bücher.example",
        "http://a.example:80",
        "https://a.example:443",
        "https://",
        "chrome-extension://*",
        "file://",
        "capacitor://localhost/",
    ],
)
def test_a_text_that_no_browser_sends_is_not_an_origin(origin: str) -> None:
    """It would match nobody, or is a pattern and was meant to match many."""
    with pytest.raises(ValidationError, match=r"is not an origin|default port"):
        Settings(cors_origins=(origin,))


@pytest.mark.parametrize(
    "host",
    ["a.example:8000", "https://a.example", "a.example/", "*.a.example", "a example"],
)
def test_an_allowed_host_is_a_bare_name(host: str) -> None:
    """A name with a port, scheme, path or pattern would match no request."""
    settings = Settings(allowed_hosts=("a.example", "127.0.0.1", "[::1]"))
    assert settings.allowed_hosts[2] == "[::1]"

    with pytest.raises(ValidationError, match="is not a host name"):
        Settings(allowed_hosts=("a.example", host))


@pytest.mark.parametrize("address", ["proxy", "127.0.0.1/8", "10.0.0.0/33", "*"])
def test_a_trusted_proxy_is_an_address_or_a_network(address: str) -> None:
    """A single * means all; every other text would match nobody and is rejected."""
    networks = ("10.0.0.0/8", "::1")
    assert Settings(trusted_proxies=networks).trusted_proxies == networks
    assert Settings(trusted_proxies=("*",)).trusted_proxies == ("*",)

    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=("10.0.0.1", address))


@pytest.mark.parametrize(
    "name", ["request_timeout_seconds", "drain_delay_seconds", "drain_grace_seconds"]
)
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_times_are_finite(name: str, value: str) -> None:
    """Infinity and NaN are rejected as durations."""
    with pytest.raises(ValidationError, match=f"{name}\n.*finite"):
        Settings.model_validate({name: value})


@pytest.mark.parametrize(
    "key",
    ["short", "with a space in it..", "ünlike-any-header!", "with\ncontrol-letters"],
)
def test_a_key_that_is_short_or_no_header_value_is_rejected(key: str) -> None:
    """The message does not show the key."""
    with pytest.raises(ValidationError, match="16 or more printable ASCII") as error:
        Settings.model_validate({"api_keys": [key]})

    assert key not in str(error.value)


def test_keys_come_from_the_setting_and_from_a_file(tmp_path: Path) -> None:
    """Both together are the keys."""
    path = tmp_path / "keys"
    path.write_text(f"{OTHER_KEY}\n\n")
    settings = Settings.model_validate({"api_keys": KEY, "api_keys_file": path})

    assert settings.keys() == (KEY.encode(), OTHER_KEY.encode())


def test_a_file_of_keys_may_come_from_any_editor(tmp_path: Path) -> None:
    """Comments, blank lines, a byte order mark and CRLF are not keys."""
    path = tmp_path / "keys"
    content = f"# of the app\r\n{KEY}\r\n\r\n  # of the site\r\n{OTHER_KEY}\r\n"
    path.write_bytes(BOM_UTF8 + content.encode())

    assert Settings(api_keys_file=path).keys() == (KEY.encode(), OTHER_KEY.encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{KEY}\nshort\n".encode(), "keys line 2: an API key must have 16 or more"),
        (f"{KEY} {OTHER_KEY}\n".encode(), "keys line 1: an API key must have 16"),
        (KEY.encode("utf-16"), "keys is not a UTF-8 text"),
        (b"# comment\n", "keys has no keys"),
    ],
)
def test_an_invalid_file_of_keys_is_named_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """The message has setting, file and line, and not the key."""
    path = tmp_path / "keys"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=f"^api_keys_file: /.*{message}") as error:
        Settings(api_keys_file=path).keys()
    assert "short" not in str(error.value)


def test_a_file_without_keys_does_not_open_the_service(tmp_path: Path) -> None:
    """An empty file may be one that is just being written."""
    path = tmp_path / "keys"
    path.write_text("\n")
    settings = Settings.model_validate({"api_keys": KEY, "api_keys_file": path})

    with pytest.raises(ValueError, match="keys has no keys"):
        settings.keys()


def test_settings_are_printed_as_variables_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each printed line sets the value it shows, except for the hidden keys."""
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


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("site-packages/service/models/mnist", "site-packages/service/models/mnist"),
        ("checkout/models/mnist", "checkout/models/mnist"),
    ],
)
def test_the_default_model_is_found_from_the_package(
    tmp_path: Path, folder: str, expected: str
) -> None:
    """In the installed package, else in the checkout."""
    (tmp_path / folder).mkdir(parents=True)
    package = tmp_path / Path(folder).parts[0] / "service"

    assert shipped_model(package) == tmp_path / expected


def test_the_default_model_does_not_depend_on_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service starts in any folder."""
    monkeypatch.chdir(tmp_path)

    assert (Settings().model / "model.json").is_file()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"models": "m"}, "repository_endpoint needs api_keys or api_keys_file"),
        ({"api_keys": (KEY,)}, "repository_endpoint needs models"),
    ],
)
def test_the_repository_endpoint_needs_a_key_and_a_folder(
    fields: dict[str, object], message: str
) -> None:
    """Nobody without a key can change the models."""
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate({"repository_endpoint": True} | fields)


@pytest.mark.parametrize("name", ["Parts", "-parts", "a/b", "a" * 64])
def test_the_default_model_has_a_valid_name(name: str) -> None:
    """No other folder is loaded as a model."""
    with pytest.raises(ValidationError, match="default_model"):
        Settings(default_model=name)


DEFAULTS = {"workers": "the processors", "model": "the model that ships"}


def row(name: str, field: FieldInfo) -> str:
    """Return a setting's row of the table in docs/deployment.md."""
    default = DEFAULTS.get(name, as_text(field.default))
    return f"| `VAE_{name.upper()}` | {default} | {field.description} |"


def test_the_documentation_lists_all_settings() -> None:
    """docs/deployment.md has name, default and description of each setting."""
    table = "\n".join(row(name, field) for name, field in Settings.model_fields.items())

    assert table in (REPOSITORY / "docs/deployment.md").read_text(), (
        f"docs/deployment.md needs this table:\n{table}"
    )
