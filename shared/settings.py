"""What the operator may set: environment variables with the prefix CLONEPIPE_. The only reader of the environment.

Three URLs are the only mode: where the truth lives, where the recordings live and where the doorbell hangs. Unset
means embedded: everything under `data_dir`, with nothing installed but Python.
"""

import difflib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import SetupError
from shared.leash import LEASH_FD
from shared.vault import parse_keys

EMBEDDED = "embedded"
BROKER_SCHEMES: Final = ("redis", "rediss", "redis+socket")  # the last is kombu's word for a unix socket
PREFIX: Final = "CLONEPIPE_"
MIB = 1024 * 1024
MAX_WORKER_THREADS: Final = 64


class Settings(BaseSettings):
    """The settings of one process, read once. Field descriptions are the README's table."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        Path("~/.clonepipe"), description="Folder of everything embedded: database, recordings, broker, key file"
    )
    database_url: str = Field(
        EMBEDDED, description="`sqlite:///…` or `postgresql+psycopg://…`; embedded: SQLite in the data folder"
    )
    storage_url: str = Field(
        EMBEDDED, description="`file:///…` or `s3://bucket/prefix`; embedded: a folder in the data folder"
    )
    s3_endpoint_url: str | None = Field(
        None, description="Address of an S3-compatible server for `s3://`; unset: Amazon S3"
    )
    s3_region: str | None = Field(None, description="Region of the bucket; unset: as the AWS variables say")
    s3_path_style: bool | None = Field(
        None, description="Name the bucket in the path, not in the host name; unset: yes with an endpoint, else no"
    )
    broker_url: str = Field(
        EMBEDDED,
        description="`redis://…`, `rediss://…` or `redis+socket:///…`; embedded: a Valkey server run as our child",
    )

    host: str = Field("127.0.0.1", description="Address the API listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on; 0 takes a free one")
    bootstrap_api_key: SecretStr | None = Field(
        None,
        min_length=8,
        description="This key with every scope, on account `main` (acc_main), is created at start-up if absent; "
        "unset: `up` makes one and keeps it in `api-key` in the data folder",
    )

    api_url: str | None = Field(
        None, description="Where the command-line client finds the API; unset: `http://HOST:PORT`"
    )
    api_key: SecretStr | None = Field(
        None,
        description="Key that the command-line client presents; unset: the bootstrap key, else the file `api-key` "
        "in the data folder",
    )

    default_vendor: str | None = Field(
        None,
        description="`vendor/engine` for requests that name none; unset: the only configured vendor, the sandbox where "
        "there is none; with several each request must name one",
    )
    bland_api_key: SecretStr | None = Field(None, description="Key of Bland; set: Bland can be used")
    bland_base_url: str = Field("https://api.bland.ai", description="Where Bland is called")
    elevenlabs_api_key: SecretStr | None = Field(None, description="Key of ElevenLabs; set: ElevenLabs can be used")
    elevenlabs_base_url: str = Field("https://api.elevenlabs.io", description="Where ElevenLabs is called")
    buena_api_key: SecretStr | None = Field(None, description="Key of Buena; set: Buena can be used")
    buena_base_url: str = Field("https://api.buena.ai/api/v2", description="Where Buena is called")
    retell_api_key: SecretStr | None = Field(None, description="Key of Retell; set: Retell can be used")
    retell_base_url: str = Field("https://api.retellai.com", description="Where Retell is called")
    vendor_time_scale: float = Field(
        1.0, gt=0, le=1, description="Multiplies every time that vendors are waited for; below 1 only against fakes"
    )
    max_clones_per_user: int = Field(5, ge=0, description="Clones an account may hold; 0 is no limit")
    requests_per_minute_per_key: int = Field(
        600, ge=0, description="Requests a minute that one API process takes from one key; 0 is no limit"
    )
    requests_per_minute_per_account: int = Field(
        1200, ge=0, description="Requests a minute that one API process takes from one account; 0 is no limit"
    )
    max_streams: int = Field(
        1000, ge=0, description="Streams and waiting polls that one API process holds open at once; 0 is no limit"
    )
    max_streams_per_key: int = Field(
        100, ge=0, description="Streams and waiting polls of one key that one API process holds open; 0 is no limit"
    )
    max_files: int = Field(10, ge=1, le=1000, description="Files one request may carry")
    max_file_mb: int = Field(50, ge=1, le=5000, description="Size limit of one file in MiB")
    max_sample_minutes: int = Field(
        180, ge=1, description="Decoded length limit of one recording, counted while decoding"
    )

    upload_buffers: int = Field(24, ge=4, description="Part buffers of 5 MiB that all uploads of one API process share")
    upload_min_rate_kib_s: int = Field(
        4, ge=0, description="Slowest upload that is waited for, averaged over 30 s, in KiB/s; 0 waits for ever"
    )
    max_checks: int = Field(2, ge=1, le=64, description="Checks of recordings that one API process runs at once")
    check_timeout_s: float = Field(
        300.0,
        gt=0,
        le=86_400,
        description="Seconds that the upload of a check may take, and again its work, until it is given up",
    )

    lease_s: float = Field(
        30.0,
        gt=0.2,
        le=86_400,
        description="Seconds a worker owns a job without a sign of life; renewed every third of it",
    )
    max_attempts: int = Field(4, ge=1, description="Deaths and errors that one stage of a job may have")
    worker_threads: int = Field(
        4, ge=1, le=MAX_WORKER_THREADS, description="Jobs of each queue that one worker process runs at once"
    )
    decoder_memory_mb: int = Field(
        768, ge=128, description="Memory one decoding child may add to what its libraries hold"
    )
    sandbox_training_s: float = Field(4.0, ge=0, description="How long the sandbox vendor pretends to train")

    secret_key: SecretStr | None = Field(
        None,
        description="Keys that secrets are sealed with in the database, each 32 bytes in base64 (`openssl rand "
        "-base64 32`), separated by commas: the first seals, all open; unset: one is made and kept in `secret-key` in "
        "the data folder",
    )
    allow_private_webhooks: bool = Field(
        False,
        description="Let webhooks go to any address, without TLS and to any port, this machine and its network "
        "included; for development only",
    )
    webhook_time_scale: float = Field(
        1.0, gt=0, le=1, description="Multiplies the pauses between attempts at a webhook; below 1 only in tests"
    )

    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65533,
        description="Port, at CLONEPIPE_HOST, on which every process tells its metrics, and relay and worker their "
        "health; `up` takes it for the API and the two after it for relay and worker; unset: the API alone tells its "
        "metrics, at `/metrics` and to this machine only",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` is `console` on a terminal and `json` elsewhere"
    )

    @field_validator("bland_api_key", "elevenlabs_api_key", "buena_api_key", "retell_api_key", mode="before")
    @classmethod
    def _check_vendor_key(cls, key: object) -> object:
        """Take a key as a mounted secret brings it, with a line's end; refuse, unshown, what no header can carry."""
        text = key.get_secret_value() if isinstance(key, SecretStr) else key
        if not isinstance(text, str):
            return key
        if not all("!" <= character <= "~" for character in text.strip()):
            raise PydanticCustomError(
                "vendor_key", "it has characters that no key has: blanks inside, or none of ASCII's"
            )
        return SecretStr(text.strip())

    @field_validator("bootstrap_api_key")
    @classmethod
    def _check_bootstrap_key(cls, key: SecretStr | None) -> SecretStr | None:
        """Refuse, unshown, a key that no request could ever present: the blanks around a header are not part of it."""
        if key is not None and not all("!" <= character <= "~" for character in key.get_secret_value()):
            raise PydanticCustomError(
                "api_key", "it has visible ASCII characters only, no blanks and no line ends, also not around it"
            )
        return key

    @field_validator("secret_key")
    @classmethod
    def _check_secret_key(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            try:
                parse_keys(keys.get_secret_value())
            except ValueError as error:
                raise PydanticCustomError("secret_key", "{reason}", {"reason": str(error)}) from None
        return keys

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: str) -> str:
        """Refuse a database in memory; what else is wrong with an address is told by who opens it."""
        scheme, _, rest = url.partition("://")
        path, _, options = rest.partition("?")
        in_memory = path in ("", "/") or ":memory:" in path or "mode=memory" in options
        if scheme.partition("+")[0].lower() == "sqlite" and in_memory:
            raise PydanticCustomError(
                "database_url",
                "it must name a file, as in sqlite:////var/lib/clonepipe.db: a database in memory is another one in "
                "each of the processes that share it",
            )
        return url

    @field_validator("broker_url")
    @classmethod
    def _check_broker(cls, url: str) -> str:
        """Refuse what no process here could ring at; the value itself is not shown, it may hold a password."""
        if url == EMBEDDED:
            return url
        scheme, has_scheme, _ = url.partition("://")
        if scheme not in BROKER_SCHEMES or not has_scheme:
            found = f"begins with '{scheme}://'" if has_scheme else "is no URL"
            raise PydanticCustomError(
                "broker_url", "it {found}; use redis://…, rediss://…, redis+socket:///… or embedded", {"found": found}
            )
        try:
            parts = urlsplit(url)
            number = "" if scheme == "redis+socket" else parts.path.strip("/")
            is_usable = (parts.port is None or parts.port > 0) and (not number or number.isdecimal())
        except ValueError:
            is_usable = False
        if not is_usable:
            raise PydanticCustomError("broker_url", "its port or its database's number cannot be one")
        return url

    @model_validator(mode="after")
    def _resolve(self) -> "Settings":
        home = self.data_dir.expanduser().absolute()
        resolved = {"data_dir": home}
        if self.database_url == EMBEDDED:
            resolved["database_url"] = f"sqlite:///{home / 'clonepipe.db'}"  # type: ignore[assignment]
        if self.storage_url == EMBEDDED:
            resolved["storage_url"] = (home / "storage").as_uri()  # type: ignore[assignment]
        for field, value in resolved.items():
            object.__setattr__(self, field, value)
        return self

    @property
    def max_file_bytes(self) -> int:
        return self.max_file_mb * MIB

    @property
    def max_sample_s(self) -> float:
        return self.max_sample_minutes * 60.0

    @property
    def heartbeat_s(self) -> float:
        return self.lease_s / 3


@cache
def settings() -> Settings:
    """Return this process's settings. Raises: SetupError: naming the variable, never showing its value."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"CLONEPIPE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors(include_input=False)]
        raise SetupError(f"Settings that cannot work: {'; '.join(wrong)}.") from None


def unknown_settings(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return a sentence on every variable that bears our prefix, holds something and is no setting.

    They are told and never refused: another program may have set them. No value is shown.
    """
    known = [name.upper() for name in Settings.model_fields]
    sentences = []
    for variable in sorted(environment):
        name = variable.upper().removeprefix(PREFIX)
        is_ours = variable.upper().startswith(PREFIX) and variable != LEASH_FD and environment[variable]
        if not is_ours or name in known:
            continue
        # Compared without the prefix, which would make any two names alike.
        nearest = difflib.get_close_matches(name, known, n=1)
        advice = f"did you mean {PREFIX}{nearest[0]}?" if nearest else "the README lists all there are."
        sentences.append(f"{variable} is not a setting; {advice}")
    return tuple(sentences)
