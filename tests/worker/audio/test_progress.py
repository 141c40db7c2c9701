import pytest

from worker.audio.progress import Advance, fraction_of


def test_fractions_only_grow() -> None:
    seen: list[float] = []
    advance = Advance(seen.append)
    advance.begin(0.0, 0.5)
    for fraction in (0.2, 0.1, 0.6, 0.6, 3.0):
        advance.report(fraction)
    advance.begin(0.5, 1.0)
    advance.report(1.0)
    assert seen == pytest.approx([0.0, 0.1, 0.3, 0.5, 1.0])


def test_what_the_receiver_raises_goes_through() -> None:
    def refuse(_fraction: float) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        Advance(refuse).report(0.5)


def test_a_stream_of_unknown_length_comes_ever_nearer_to_the_end() -> None:
    fractions = [fraction_of(float(done_s), None) for done_s in range(0, 600, 10)]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1


def test_a_claim_that_is_too_short_does_not_finish_the_work() -> None:
    assert fraction_of(100.0, 10.0) < 1
