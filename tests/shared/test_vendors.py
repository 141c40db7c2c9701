"""The registry knows every vendor's engines, and which of them can be used here."""

from pathlib import Path

import pytest

from shared.errors import InvalidField
from shared.storage.folder import FolderStorage
from shared.vendors import ENGINES, SANDBOX, Vendors, engine_named
from shared.vendors.sandbox import Sandbox


@pytest.fixture
def configured(tmp_path: Path) -> Vendors:
    return Vendors((Sandbox(FolderStorage(tmp_path), training_s=0.0),))


def test_every_vendor_and_engine_of_the_product_is_declared() -> None:
    assert {vendor: set(engines) for vendor, engines in ENGINES.items()} == {
        "bland": {"btts_v1", "btts_v2", "btts_v3"},
        "elevenlabs": {"ivc", "pvc"},
        "buena": {"default"},
        "retell": {"elevenlabs", "cartesia", "minimax", "fish_audio", "inworld", "platform"},
        "sandbox": {"default"},
    }


@pytest.mark.parametrize(
    ("vendor", "engine"),
    [
        ("bland", "btts_v3"),
        ("elevenlabs", "ivc"),
        ("buena", "default"),
        ("retell", "elevenlabs"),
        ("sandbox", "default"),
    ],
)
@pytest.mark.parametrize("left_out", [None, ""])
def test_an_engine_that_is_left_out_is_the_vendors_first(vendor: str, engine: str, left_out: str | None) -> None:
    assert engine_named(vendor, left_out) is ENGINES[vendor][engine]


def test_an_engine_is_found_by_its_name_whether_or_not_its_vendor_is_configured(configured: Vendors) -> None:
    assert engine_named("retell", "inworld").name == "inworld"
    assert configured.engine_of("retell", "inworld") is None
    assert configured.engine_of(SANDBOX, "default") is engine_named(SANDBOX)


def test_an_unknown_vendor_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidField) as refused:
        engine_named("Bland")
    assert refused.value.details == {"field": "vendor"}
    assert "bland, elevenlabs, buena, retell, sandbox" in refused.value.message


def test_an_unknown_engine_is_refused_with_those_that_the_vendor_has() -> None:
    with pytest.raises(InvalidField) as refused:
        engine_named("bland", "btts_v4")
    assert refused.value.details == {"field": "engine"}
    assert "bland has no engine 'btts_v4'. It has: btts_v3, btts_v2, btts_v1." in refused.value.message


def test_a_long_wrong_name_is_not_sent_back_whole() -> None:
    for vendor, engine in (("x" * 5000, None), ("bland", "x" * 5000)):
        with pytest.raises(InvalidField) as refused:
            engine_named(vendor, engine)
        assert len(refused.value.message) < 200


def test_a_declared_vendor_that_is_not_configured_cannot_be_chosen(configured: Vendors) -> None:
    with pytest.raises(InvalidField, match=r"There is no vendor 'bland' here\. Configured: sandbox"):
        configured.choose("bland", None, None)
    with pytest.raises(InvalidField, match="sandbox has no engine 'ivc'"):
        configured.choose(SANDBOX, "ivc", None)
    vendor, engine = configured.choose(None, None, None)
    assert (vendor.name, engine.name) == (SANDBOX, "default")
