"""Every setting, typed, in one place.

Read from the environment (prefix ``FRAUDSTREAM_``), then ``.env``, then ``.stack/env`` (written by
``fraudstream stack up``), then the defaults below. Secrets are ``SecretStr`` and never printed.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError

STACK_DIR = Path(".stack")
Profile = Literal["ecommerce", "banking"]


class Settings(BaseSettings):
    """What can be set from outside; see ``docs/contract.md`` for the table."""

    model_config = SettingsConfigDict(
        env_prefix="FRAUDSTREAM_",
        env_file=(STACK_DIR / "env", ".env"),
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    profile: Profile = "ecommerce"
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "live"
    kafka: str = "127.0.0.1:9092"
    redis: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    models: Path = Path("models")
    ip_table: Path | None = None
    batch_max: Annotated[int, Field(ge=1, le=65_536)] = 512
    batch_wait_ms: Annotated[int, Field(ge=0, le=10_000)] = 5
    stall_s: Annotated[int, Field(ge=5)] = 120
    threshold_review: Annotated[float, Field(ge=0, le=1)] | None = None
    threshold_block: Annotated[float, Field(ge=0, le=1)] | None = None
    control_share: Annotated[float, Field(ge=0, le=0.1)] = 0.0
    guard_events: Annotated[int, Field(ge=0, le=1_000_000)] = 2_000
    rules: Path | None = None
    max_future_s: Annotated[int, Field(ge=0)] = 300
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 6066
    views_host: str = "127.0.0.1"
    views_port: Annotated[int, Field(ge=0, le=65_535)] = 8050
    views_token: SecretStr = SecretStr("")
    views_days: Annotated[int, Field(ge=1, le=36_500)] = 400
    views_origins: str = ""
    mask_ids: bool = False
    mask_salt: SecretStr = SecretStr("")
    currency: Annotated[str, Field(max_length=8)] = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_security_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_security_username: str = ""
    kafka_security_password: SecretStr = SecretStr("")
    kafka_security_ca: Path | None = None
    kafka_security_certificate: Path | None = None
    kafka_security_key: Path | None = None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("kafka")
    @classmethod
    def _bootstrap(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError("expected host:port[,host:port…]")
        return value

    @field_validator("metrics_host", "views_host")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            ip_address(value)
        except ValueError:
            raise ValueError(
                "expected an IP address, such as 127.0.0.1, or 0.0.0.0 for all of this machine"
            ) from None
        return value

    def confluent_config(self) -> dict[str, Any]:
        """Connection part of a confluent-kafka client configuration."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.kafka,
            "security.protocol": self.kafka_security_protocol,
        }
        if self.kafka_security_protocol.startswith("SASL"):
            config["sasl.mechanism"] = self.kafka_security_sasl_mechanism
            config["sasl.username"] = self.kafka_security_username
            config["sasl.password"] = self.kafka_security_password.get_secret_value()
        for key, path in (
            ("ssl.ca.location", self.kafka_security_ca),
            ("ssl.certificate.location", self.kafka_security_certificate),
            ("ssl.key.location", self.kafka_security_key),
        ):
            if path is not None:
                config[key] = str(path)
        return config


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment with ``overrides`` on top (``None`` means "not given").

    Raises:
        ConfigError: names the setting, the value and what would be accepted.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "FRAUDSTREAM_" + "_".join(str(part) for part in first["loc"]).upper()
        secret = any(part in name for part in ("PASSWORD", "REDIS", "TOKEN", "SALT"))
        shown = "(hidden)" if secret else repr(first["input"])
        raise ConfigError(f"setting {name}={shown}: {first['msg']}") from None
