"""ElevenLabs' limits, as its pages on instant and professional voice cloning state them."""

from shared.vendors.elevenlabs import ENGINES
from shared.vendors.engines import Range


def test_an_instant_clone_is_made_of_a_minute_or_two() -> None:
    limits = ENGINES["ivc"].limits
    assert limits.best_s is not None
    assert 60 <= limits.best_s <= 120


def test_two_minutes_as_flac_stay_under_the_ten_megabytes_that_integrators_speak_of() -> None:
    limits = ENGINES["ivc"].limits
    assert limits.containers[0] == "flac"
    assert limits.best_s is not None
    assert limits.rate_hz is not None
    assert limits.best_s * limits.rate_hz * 2 * 0.8 < 10_000_000


def test_a_professional_clone_wants_half_an_hour_and_takes_all_in_files_of_that_length() -> None:
    limits = ENGINES["pvc"].limits
    assert limits.total_s == Range(1800, None)
    assert limits.file_s == Range(None, 1800)
    assert limits.best_s is None
    assert limits.name_chars == Range(1, 100)


def test_both_have_a_noise_removal_of_their_own_that_must_be_told_to_stay_off() -> None:
    assert {engine.limits.own_denoise for engine in ENGINES.values()} == {"remove_background_noise"}
