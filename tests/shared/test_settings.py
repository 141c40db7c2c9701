"""Three URLs are the only mode; everything comes from the environment and nothing from anywhere else."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.settings import Settings


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


def test_keys_do_not_show_when_settings_are_printed() -> None:
    chosen = Settings(bootstrap_api_key="very-secret-key", api_key="another-secret")  # type: ignore[arg-type]
    assert "secret" not in repr(chosen) + str(chosen)
