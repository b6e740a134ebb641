"""Every setting of the service: its default, unit and meaning. The only reader of the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Serve a variational autoencoder over HTTP. Flags win over variables."""

    model_config = SettingsConfigDict(
        env_prefix="VAE_", frozen=True, cli_prog_name="python -m service", cli_kebab_case=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on. Variable: VAE_HOST")
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 takes a free one. Variable: VAE_PORT")
    workers: int = Field(1, ge=1, le=256, description="Processes that answer. Variable: VAE_WORKERS")
    model: Path = Field(Path("models/mnist"), description="Folder of the exported model. Variable: VAE_MODEL")
    max_items: int = Field(256, ge=11, le=65536, description="Most items in a request. Variable: VAE_MAX_ITEMS")
    max_body_bytes: int = Field(
        2 * 1024 * 1024, ge=1024, description="Most bytes in a request's body. Variable: VAE_MAX_BODY_BYTES"
    )
    max_latent: float = Field(
        100.0, gt=0, le=1e6, description="Largest magnitude of a latent's coordinate. Variable: VAE_MAX_LATENT"
    )
    keep_alive_seconds: int = Field(
        75, ge=1, description="Idle time before a connection is closed. Variable: VAE_KEEP_ALIVE_SECONDS"
    )
