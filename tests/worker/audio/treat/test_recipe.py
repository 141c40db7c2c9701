import json

import pytest

from worker.audio.choose.planning import Cut
from worker.audio.measure.downmix import Mix
from worker.audio.tracks import Span
from worker.audio.treat.recipe import Part, Recipe

RECIPE = Recipe(
    parts=(
        Part("smp_1", "ab" * 32, Mix(None, 0.0009765625), "none", 0.0, -1.7320508075688772),
        Part("smp_2", "cd" * 32, Mix(1, 0.0), "mask", 14.0, 3.3),
    ),
    cuts=(Cut(1, Span(0.1, 2.0 / 3)), Cut(0, Span(0.0, 4.418911564625850)), Cut(1, Span(3.0, 3.5))),
    rate_hz=24_000,
    gain_db=-2.718281828459045,
    container="flac",
)


def test_a_recipe_survives_being_stored_to_the_last_bit() -> None:
    assert Recipe.from_json(json.loads(json.dumps(RECIPE.to_json(), allow_nan=False))) == RECIPE


def test_the_order_of_the_cuts_is_kept() -> None:
    stored = RECIPE.to_json()
    assert [cut["part"] for cut in stored["cuts"]] == [1, 0, 1]
    assert [cut.span.start_s for cut in Recipe.from_json(stored).cuts] == [0.1, 0.0, 3.0]


@pytest.mark.parametrize("missing", ["parts", "cuts", "rate_hz", "gain_db", "container"])
def test_what_is_missing_is_an_error(missing: str) -> None:
    stored = RECIPE.to_json()
    del stored[missing]
    with pytest.raises(KeyError):
        Recipe.from_json(stored)


def test_a_part_without_a_field_is_an_error() -> None:
    stored = RECIPE.to_json()
    del stored["parts"][0]["gain_db"]
    with pytest.raises(TypeError):
        Recipe.from_json(stored)
