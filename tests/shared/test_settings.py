"""Three URLs are the only mode; everything comes from the environment and nothing from anywhere else."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.errors import SetupError
from shared.settings import Settings, settings, unknown_settings


def test_unset_means_embedded_in_the_data_folder(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path)
    assert chosen.database_url == f"sqlite:///{tmp_path}/clonepipe.db"
    assert chosen.storage_url == f"file://{tmp_path}/storage"
    assert chosen.broker_url == "embedded"


def test_the_environment_is_read_with_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONEPIPE_MAX_FILES", "3")
    monkeypatch.setenv("MAX_FILES", "4")
    assert Settings().max_files == 3


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONEPIPE_DATABASE_URL", "")
    assert Settings().database_url.startswith("sqlite:///")


@pytest.mark.parametrize("wrong", [{"port": 70000}, {"max_files": 0}, {"lease_s": 0}, {"bootstrap_api_key": "short"}])
def test_a_value_that_cannot_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


BROKERS = [
    "redis://h",
    "redis://:word@h:6380/3",
    "rediss://user:word@h/0?ssl_cert_reqs=none",
    "redis+socket:///a/b.sock",
]


@pytest.mark.parametrize("url", ["embedded", *BROKERS])
def test_a_broker_that_workers_can_ring_at_is_taken(url: str) -> None:
    assert Settings(broker_url=url).broker_url == url


@pytest.mark.parametrize(
    "url", ["amqp://u:x1y2z3@h", "memory://", "unix:///x1y2z3", "x1y2z3", "redis://h:x1y2z3", "redis://h/x1y2z3"]
)
def test_any_other_broker_is_refused_in_a_sentence_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLONEPIPE_BROKER_URL", url)
    settings.cache_clear()
    with pytest.raises(SetupError, match="CLONEPIPE_BROKER_URL: it") as refused:
        settings()
    assert "x1y2z3" not in refused.value.message


def test_keys_do_not_show_when_settings_are_printed() -> None:
    chosen = Settings(bootstrap_api_key="very-hidden-key", api_key="another-hidden-key")  # type: ignore[arg-type]
    assert "hidden" not in repr(chosen) + str(chosen)


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("CLONEPIPE_STORAGE_URI", "did you mean CLONEPIPE_STORAGE_URL?"),
        ("CLONEPIPE_MAX_CLONES_PER_ACCOUNT", "did you mean CLONEPIPE_MAX_CLONES_PER_USER?"),
        ("clonepipe_prot", "did you mean CLONEPIPE_PORT?"),
        ("CLONEPIPE_BLAND_XYZZY", "the README lists all there are."),
    ],
)
def test_a_variable_that_is_no_setting_is_told_with_the_nearest_that_is(variable: str, advice: str) -> None:
    assert unknown_settings({variable: "secret"}) == (f"{variable} is not a setting; {advice}",)


def test_settings_and_what_is_empty_or_not_ours_are_not_told_of() -> None:
    known = {f"CLONEPIPE_{name.upper()}": "x" for name in Settings.model_fields}
    others = {"CLONEPIPE_LEASH_FD": "3", "CLONEPIPE_EMPTY": "", "STORAGE_URI": "x", "clonepipe_port": "1"}
    assert unknown_settings(known | others) == ()


def test_a_vendors_key_is_taken_as_a_mounted_secret_brings_it(tmp_path: Path) -> None:
    key = Settings(data_dir=tmp_path, retell_api_key=" key-1\n").retell_api_key  # type: ignore[arg-type]
    assert key is not None
    assert key.get_secret_value() == "key-1"


@pytest.mark.parametrize("key", ["k\u00e9y", "a b", "a\nb"])
def test_a_vendors_key_that_no_header_can_carry_is_refused_without_being_shown(key: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(data_dir=tmp_path, bland_api_key=key)  # type: ignore[arg-type]
    assert key not in str(refused.value)


@pytest.mark.parametrize("key", [" x1y2z3-key", "x1y2z3-key\n", "x1y2z3\tkey", "x1y2z3-schlüssel", "x1y2z3-key\x7f"])
def test_a_key_that_no_request_could_present_is_refused_unshown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONEPIPE_BOOTSTRAP_API_KEY", key)
    settings.cache_clear()
    with pytest.raises(SetupError, match="CLONEPIPE_BOOTSTRAP_API_KEY: it has visible ASCII characters") as refused:
        settings()
    assert "x1y2z3" not in refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:", "sqlite:///?cache=shared",
        "sqlite:///file::memory:?uri=true", "sqlite:///file:x?mode=memory&uri=true",
    ],
)  # fmt: skip
def test_a_database_in_memory_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONEPIPE_DATABASE_URL", url)
    settings.cache_clear()
    with pytest.raises(SetupError, match="CLONEPIPE_DATABASE_URL: it must name a file"):
        settings()


@pytest.mark.parametrize("url", ["sqlite:///relative.db", "sqlite:////tmp/x.db?timeout=3", "postgresql+psycopg://h/d"])
def test_a_database_that_processes_can_share_is_taken(url: str) -> None:
    assert Settings(database_url=url).database_url == url


def test_keys_of_secrets_that_cannot_be_ones_are_refused_unshown() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(secret_key="nonsense-and-too-short")  # type: ignore[arg-type]
    assert "32 bytes in base64" in str(refused.value)
    assert "nonsense" not in str(refused.value)
