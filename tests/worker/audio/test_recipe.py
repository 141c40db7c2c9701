import json

from worker.audio.recipe import Recipe, Treatment


def test_a_recipe_survives_being_stored() -> None:
    recipe = Recipe().plus(Treatment("trim", {"pad_s": 0.1}, {"start_s": 1.5})).plus(Treatment("encode"))
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_order_is_kept_and_the_old_recipe_too() -> None:
    first = Recipe().plus(Treatment("trim"))
    both = first.plus(Treatment("gain"))
    assert [treatment.name for treatment in both.treatments] == ["trim", "gain"]
    assert len(first.treatments) == 1
