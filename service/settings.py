"""Every setting of the service: default, unit and meaning.

The only reader of the environment.
"""

import os
import sys
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.cpus import MAX_CPUS, available_cpus
from service.setting_types import ApiKeys, HostNames, Origins, Proxies, read_keys

PREFIX = "VAE_"
COMMAND = "vae-service"
PACKAGE = Path(__file__).parent
SHIPPED_MODEL = Path("models/mnist")


def shipped_model(package: Path = PACKAGE) -> Path:
    """Return the folder of the model that ships with the service.

    It is in the installed package; in a checkout it is next to the package.
    """
    installed = package / SHIPPED_MODEL
    if installed.is_dir():
        return installed
    return package.parent / SHIPPED_MODEL


def program_name() -> str:
    """Return the command that the user has run."""
    return COMMAND if Path(sys.argv[0]).name == COMMAND else "python -m service"


class Settings(BaseSettings):
    """Serve a variational autoencoder over HTTP.

    Each flag has a variable: --max-items is VAE_MAX_ITEMS. Flags win. An empty
    variable counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        cli_prog_name=program_name(),
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_implicit_flags=True,
        hide_input_in_errors=True,
    )

    host: str = Field(
        "127.0.0.1",
        pattern=r"^[^\s]+$",
        description="Address or host name to listen on; ::, all addresses of IPv6 and "
        "IPv4.",
    )
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 picks a free one.")
    workers: int = Field(
        available_cpus(),
        ge=1,
        le=MAX_CPUS,
        description="Worker processes; by default one for each processor that the CPU "
        "affinity and the cgroup quota allow.",
    )
    model: Path = Field(
        shipped_model(),
        description="Folder of the exported model; by default the MNIST model that "
        "ships with the service.",
    )
    models: Path | None = Field(
        None,
        description="Folder of several models, each a folder or a zip archive of one; "
        "takes the place of model.",
    )
    default_model: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$",
        description="Name of the model that is served where a path names none; needed "
        "if the folder has several.",
    )
    models_max: int = Field(
        16, ge=1, le=64, description="Maximum models that are loaded from the folder."
    )
    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path prefix that a reverse proxy strips, such as /vae.",
    )

    max_items: int = Field(
        256, ge=11, le=65536, description="Maximum items in a request."
    )
    max_body_bytes: int = Field(
        12 * 1024 * 1024, ge=1024, description="Maximum bytes in a request body."
    )
    max_image_bytes: int = Field(
        8 * 1024 * 1024, ge=64, description="Maximum bytes in the file of one image."
    )
    max_image_pixels: int = Field(
        12_000_000,
        ge=1,
        le=64_000_000,
        description="Maximum pixels in one image, before it is fitted to the model's "
        "size; the images of one request may have 8 times that in all.",
    )
    max_latent: float = Field(
        100.0, gt=0, le=1e6, description="Maximum magnitude of a latent's coordinate."
    )
    max_header_bytes: int = Field(
        16 * 1024,
        ge=256,
        description="Maximum bytes in a request's line and headers, and in its "
        "trailers.",
    )
    max_queue_seconds: float = Field(
        1,
        gt=0,
        allow_inf_nan=False,
        description="Maximum time that the work before a request takes, in each worker; "
        "requests that would wait for longer get 503.",
    )
    request_timeout_seconds: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="Time limit to receive a request, from its first byte to its "
        "last, and for the client to read the response.",
    )
    keep_alive_seconds: int = Field(
        75, ge=1, description="Idle time after which a connection is closed."
    )

    worker_timeout_seconds: float = Field(
        30,
        ge=1,
        allow_inf_nan=False,
        description="A worker whose event loop does not respond for so long is "
        "replaced. Only with two workers or more.",
    )

    drain_delay_seconds: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Delay from SIGTERM, when /readyz starts to fail, until the port "
        "is closed.",
    )
    drain_grace_seconds: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="Time after that for open requests to finish, before they are cut.",
    )

    api_keys: ApiKeys = Field(
        (),
        description="API keys, comma-separated; clients must send one. Empty: no key "
        "is needed.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File of further API keys, one per line, at least one; lines that "
        "begin with # are comments.",
    )
    docs_without_key: bool = Field(
        default=False, description="Serve /docs and /openapi.json without a key."
    )
    metrics_without_key: bool = Field(
        default=False, description="Serve /metrics without a key."
    )
    playground: bool = Field(
        default=True, description="Serve the playground at / to browsers."
    )
    reload_endpoint: bool = Field(
        default=False, description="Enable POST /model/reload; needs an API key."
    )
    repository_endpoint: bool = Field(
        default=False,
        description="Enable loading and unloading the models of the folder by the Open "
        "Inference Protocol; needs models and an API key.",
    )
    cors_origins: Origins = Field(
        (),
        description="Origins whose pages may call the service (CORS), exact and "
        "comma-separated; null: pages without an origin of their own.",
    )
    allowed_hosts: HostNames = Field(
        (),
        description="Host names accepted in requests, comma-separated. Empty: any.",
    )
    trusted_proxies: Proxies = Field(
        (),
        description="Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto "
        "are trusted, comma-separated; *: all.",
    )

    access_log: bool = Field(default=True, description="Log each request.")
    log_format: Literal["auto", "text", "json"] = Field(
        "auto",
        description="Format of the log on standard error; auto: text on a terminal, "
        "JSON otherwise.",
    )
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OpenTelemetry collector for traces, OTLP over HTTP. Empty: none.",
    )
    print_settings: bool = Field(
        default=False,
        description="Print the effective settings, secrets hidden, and exit.",
    )

    @model_validator(mode="after")
    def check_endpoints(self) -> Self:
        """Reject endpoints that anybody could call to change the models."""
        has_keys = bool(self.api_keys) or self.api_keys_file is not None
        for name in ("reload_endpoint", "repository_endpoint"):
            if getattr(self, name) and not has_keys:
                raise ValueError(f"{name} needs api_keys or api_keys_file")
        if self.repository_endpoint and self.models is None:
            raise ValueError("repository_endpoint needs models")
        return self

    @model_validator(mode="after")
    def check_variables(self) -> Self:
        """Reject variables that begin as settings do and are not one."""
        known = {PREFIX + name.upper() for name in type(self).model_fields}
        prefixed = {name for name in os.environ if name.upper().startswith(PREFIX)}
        unknown = sorted(name for name in prefixed if name.upper() not in known)
        if unknown:
            raise ValueError(f"no such setting: {', '.join(unknown)}")
        return self

    def keys(self) -> tuple[bytes, ...]:
        """Return all API keys.

        Raises ValueError if their file cannot be read, or has an invalid key or none.
        """
        keys = self.api_keys
        if self.api_keys_file is not None:
            keys += read_keys(self.api_keys_file)
        return tuple(key.get_secret_value().encode() for key in keys)

    def lines(self) -> list[str]:
        """Return the effective settings as variables, one a line, secrets hidden."""
        return [
            f"{PREFIX}{name.upper()}={as_text(value)}"
            for name, value in self
            if name != "print_settings"
        ]


def as_text(value: object) -> str:
    """Return a setting's value as its variable is written."""
    if isinstance(value, tuple):
        return ",".join(as_text(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    return str(value)
