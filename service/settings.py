"""Every setting of the service: its default, unit and meaning. The only reader of the environment."""

import math
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "VAE_"
CGROUP = Path("/sys/fs/cgroup")
MANY_CPUS = 256
MIN_KEY_LENGTH = 16
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


def available_cpus(cgroup: Path = CGROUP) -> int:
    """The processors that this process may use, 1 or more: its affinity mask, cut to its control group's quota."""
    count = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
    return max(1, min(count, math.floor(cpu_quota(cgroup) + 0.5)))


def cpu_quota(cgroup: Path) -> float:
    """The quota in processors; many where there is none.

    Version 2's file is cpu.max, version 1 has one for each number:
    https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html.
    """
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            most, period = " ".join(
                (cgroup / name).read_text() for name in names
            ).split()
        except OSError:
            continue
        return MANY_CPUS if most in {"max", "-1"} else int(most) / int(period)
    return MANY_CPUS


def split(value: object) -> object:
    """The parts of a comma-separated text."""
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


def check_key(value: SecretStr) -> SecretStr:
    """Refuse a key that could be guessed or could not be a header's value."""
    key = value.get_secret_value()
    if (
        len(key) < MIN_KEY_LENGTH
        or not key.isascii()
        or not key.isprintable()
        or " " in key
    ):
        raise ValueError(
            f"an API key must have {MIN_KEY_LENGTH} or more printable ASCII characters, no spaces"
        )
    return value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]
Keys = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(check_key)], ...],
    NoDecode,
    BeforeValidator(split),
]


class Settings(BaseSettings):
    """Serve a variational autoencoder over HTTP.

    Each flag has its variable: --max-items is VAE_MAX_ITEMS. Flags win.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        cli_prog_name="python -m service",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    workers: int = Field(
        default_factory=available_cpus,
        ge=1,
        le=MANY_CPUS,
        description="Processes that answer; if not set, one for each processor that affinity and cgroup allow.",
    )
    model: Path = Field(
        Path("models/mnist"), description="Folder of the exported model."
    )
    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path prefix that a proxy takes off, such as /vae.",
    )

    max_items: int = Field(256, ge=11, le=65536, description="Most items in a request.")
    max_body_bytes: int = Field(
        2 * 1024 * 1024, ge=1024, description="Most bytes in a request's body."
    )
    max_image_bytes: int = Field(
        256 * 1024, ge=64, description="Most bytes in one image, as it is sent."
    )
    max_image_pixels: int = Field(
        1_000_000,
        ge=1,
        le=64_000_000,
        description="Most pixels in one image, before it is fitted; "
        "once a request's images have 8 times that, no more is read.",
    )
    max_latent: float = Field(
        100.0, gt=0, le=1e6, description="Largest magnitude of a latent's coordinate."
    )
    max_header_bytes: int = Field(
        16 * 1024,
        ge=256,
        description="Most bytes in a request's line and headers, and in trailers.",
    )
    max_pending_images: int = Field(
        2048,
        ge=1,
        description="Most images taken in and not yet answered, in each worker; beyond it requests get 503.",
    )
    request_timeout_seconds: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="Time for a request to come in, from its first byte to its last, and for an answer to be taken.",
    )
    keep_alive_seconds: int = Field(
        75, ge=1, description="Idle time after which a connection is closed."
    )

    drain_delay_seconds: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Time from SIGTERM, when readyz falls, until new connections are refused.",
    )
    drain_grace_seconds: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="Time after that for open requests to end, before they are cut.",
    )

    api_keys: Keys = Field(
        (),
        description="Keys that clients must send, comma-separated; none: open to all.",
    )
    api_keys_file: Path | None = Field(
        None, description="File of further keys, one a line, at least one."
    )
    docs_without_key: bool = Field(
        default=False,
        description="Whether /docs, /redoc and /openapi.json need no key.",
    )
    metrics_without_key: bool = Field(
        default=False, description="Whether /metrics needs no key."
    )
    reload_endpoint: bool = Field(
        default=False, description="Whether POST /model/reload is there; needs a key."
    )
    cors_origins: Texts = Field(
        (), description="Origins whose pages may call, exact and comma-separated."
    )
    allowed_hosts: Texts = Field(
        (), description="Host names that requests may name, comma-separated; none: any."
    )
    trusted_proxies: Texts = Field(
        (),
        description="Addresses or networks whose X-Forwarded-For and -Proto are believed, comma-separated; *: all.",
    )

    access_log: bool = Field(
        default=True, description="Whether each request is logged."
    )
    log_format: Literal["auto", "text", "json"] = Field(
        "auto",
        description="Form of the log on standard error; auto: text on a terminal, JSON otherwise.",
    )
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OpenTelemetry collector for traces, OTLP over HTTP; empty: none.",
    )
    print_settings: bool = Field(
        default=False,
        description="Print the effective settings, secrets hidden, and end.",
    )

    @field_validator("cors_origins")
    @classmethod
    def check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no browser sends as an origin."""
        for origin in value:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:  # noqa: PLR2004 - of the scheme
                raise ValueError(
                    f"{origin} is not an origin such as https://example.org"
                )
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no request's Host is without its port."""
        for host in value:
            if not HOST_NAME.fullmatch(host):
                raise ValueError(
                    f"{host} is not a host name such as example.org, without scheme, port or path"
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no address, and would silently be nobody's."""
        if value != ("*",):
            for address in value:
                ip_network(address)
        return value

    @model_validator(mode="after")
    def check_reload(self) -> Self:
        """Refuse a reload endpoint that anybody could call."""
        if self.reload_endpoint and not self.api_keys and self.api_keys_file is None:
            raise ValueError("reload_endpoint needs api_keys or api_keys_file")
        return self

    @model_validator(mode="after")
    def check_variables(self) -> Self:
        """Refuse variables that look like settings and are none."""
        known = {PREFIX + name.upper() for name in type(self).model_fields}
        unknown = sorted(
            name
            for name in os.environ
            if name.upper().startswith(PREFIX) and name.upper() not in known
        )
        if unknown:
            raise ValueError(f"no such setting: {', '.join(unknown)}")
        return self

    def keys(self) -> tuple[bytes, ...]:
        """All API keys. Raises ValueError if their file cannot be read, has a bad one or none."""
        try:
            lines = (
                self.api_keys_file.read_text("ascii").split()
                if self.api_keys_file
                else []
            )
        except OSError as error:
            raise ValueError(
                f"api_keys_file: {self.api_keys_file} cannot be read: {error.strerror}"
            ) from error
        if (
            self.api_keys_file and not lines
        ):  # perhaps it is being written: the service must not stand open meanwhile
            raise ValueError(f"{self.api_keys_file} has no keys")
        given = (*self.api_keys, *(check_key(SecretStr(line)) for line in lines))
        return tuple(key.get_secret_value().encode() for key in given)

    def lines(self) -> list[str]:
        """The effective settings as variables, one a line, secrets hidden."""
        return [
            f"{PREFIX}{name.upper()}={as_text(value)}"
            for name, value in self
            if name != "print_settings"
        ]


def as_text(value: object) -> str:
    """A setting's value as its variable is written."""
    if isinstance(value, tuple):
        return ",".join(as_text(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
