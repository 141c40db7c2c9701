import pytest

from worker.audio.measure.verdicts import CHECKS, Finding, Verdict, worst


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("snr", 35.0, "ok"), ("snr", 15.0, "warn"), ("snr", 4.0, "refuse"), ("snr", None, "ok"),
        ("echo", 0.2, "ok"), ("echo", 0.6, "warn"), ("flat_tops", 0.0, "ok"), ("flat_tops", 1.0, "warn"),
        ("flat_tops", 5_000.0, "refuse"), ("bandwidth", 3_900.0, "warn"), ("bandwidth", 5_900.0, "ok"),
        ("loudness", -46.0, "ok"), ("loudness", -52.0, "warn"), ("duration", 0.4, "refuse"),
        ("missing", 0.0, "ok"), ("missing", 0.5, "warn"),
    ],
)  # fmt: skip
def test_a_value_is_judged_by_its_limits(name: str, value: float | None, verdict: str) -> None:
    finding = CHECKS[name].judge(value)
    assert finding.verdict == verdict
    assert (finding.advice is None) == (verdict == "ok")


def test_every_check_has_a_unit_a_limit_and_advice_that_is_a_sentence() -> None:
    for check in CHECKS.values():
        assert check.unit
        assert check.warn is not None or check.refuse is not None
        assert check.advice[0].isupper()
        assert check.advice.endswith(".")


def test_a_refusal_is_stricter_than_a_warning() -> None:
    for check in CHECKS.values():
        if check.warn is not None and check.refuse is not None:
            assert (check.refuse < check.warn) == check.more_is_better


def test_the_worst_verdict_counts() -> None:
    good, odd, bad = (CHECKS["snr"].judge(value) for value in (40.0, 15.0, 1.0))
    assert worst(()) is Verdict.OK
    assert worst((good, odd)) is Verdict.WARN
    assert worst((odd, bad, good)) is Verdict.REFUSE


def test_a_finding_survives_being_stored() -> None:
    finding = CHECKS["snr"].judge(12.3456)
    assert finding.value == 12.346
    assert Finding.from_json(finding.to_json()) == finding
