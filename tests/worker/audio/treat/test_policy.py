import pytest

from worker.audio.treat.policy import Denoising, Wish, plan


@pytest.mark.parametrize("snr_db", [28.0, 31.0, 60.0])
def test_a_clean_recording_is_left_alone(snr_db: float) -> None:
    assert plan(snr_db, "auto", has_mask=True) == Denoising("none", 0.0, None)


def test_what_is_not_known_is_left_alone() -> None:
    assert plan(None, "auto", has_mask=True).method == "none"


@pytest.mark.parametrize(("snr_db", "cap_db"), [(27.9, 8.0), (20.0, 15.0), (17.0, 18.0), (10.0, 24.0), (-10.0, 24.0)])
def test_the_cap_grows_with_the_noise(snr_db: float, cap_db: float) -> None:
    found = plan(snr_db, "auto", has_mask=True)
    assert (found.method, found.cap_db) == ("mask", cap_db)


def test_more_noise_never_means_a_smaller_cap() -> None:
    caps_db = [plan(snr_db / 10, "auto", has_mask=True).cap_db for snr_db in range(279, -100, -1)]
    assert caps_db == sorted(caps_db)


@pytest.mark.parametrize("snr_db", [None, 60.0, 24.0, 20.0])
def test_on_means_twelve_decibels_at_least(snr_db: float | None) -> None:
    found = plan(snr_db, "on", has_mask=True)
    assert found.method == "mask"
    assert found.cap_db >= 12.0


@pytest.mark.parametrize("snr_db", [None, 60.0, 5.0])
def test_off_means_nothing(snr_db: float | None) -> None:
    found = plan(snr_db, "off", has_mask=True)
    assert (found.method, found.cap_db) == ("none", 0.0)


@pytest.mark.parametrize(("wish", "snr_db", "cap_db"), [("auto", 5.0, 12.0), ("auto", 26.0, 8.0), ("on", 60.0, 12.0)])
def test_without_rnnoise_the_gate_takes_its_place_with_twelve_decibels_at_most(
    wish: Wish, snr_db: float, cap_db: float
) -> None:
    found = plan(snr_db, wish, has_mask=False)
    assert (found.method, found.cap_db) == ("gate", cap_db)


@pytest.mark.parametrize("wish", ["auto", "on", "off"])
def test_a_noisy_recording_comes_with_advice_whatever_is_wished(wish: Wish) -> None:
    said = [plan(snr_db, wish, has_mask=True).advice for snr_db in (20.0, 8.0, 2.0)]
    assert len({*said, None}) == 4
    assert plan(30.0, wish, has_mask=True).advice is None
