"""What a value may hold: nothing that a database cannot store, an answer cannot tell, or a terminal would obey."""

import json

import pytest

from api import fields
from shared.errors import InvalidField
from shared.vendors import sandbox

UNSTORABLE = ["\0", "\x1b[2J", "\x7f", "\x85", "\ud800", "\udfff"]


@pytest.mark.parametrize("character", [*UNSTORABLE, "\n", "\t", "\u2028", "\u2029"])
def test_a_name_is_one_line_of_plain_text(character: str) -> None:
    with pytest.raises(InvalidField) as refused:
        fields.name("name", f"An{character}na")
    assert refused.value.details == {"field": "name", "found": f"U+{ord(character[0]):04X}"}
    assert f"U+{ord(character[0]):04X}" in refused.value.message


@pytest.mark.parametrize("blank", ["", " ", "\n", "\u200b", "\u2060 \u200d"])
def test_a_name_that_nobody_can_see_is_refused(blank: str) -> None:
    with pytest.raises(InvalidField, match="blank"):
        fields.name("name", blank)


@pytest.mark.parametrize("name", ["Anna", "Ängström 2", "安娜", "👩‍🎤", "a" * fields.NAME_CHARS])
def test_a_name_in_any_script_is_taken_and_stripped(name: str) -> None:
    assert fields.name("name", f"  {name}\r\n") == name


def test_an_engines_own_limit_holds_for_a_name() -> None:
    engine = sandbox.ENGINES["default"]
    fields.check_name_fits("n" * 100, "sandbox", engine)
    with pytest.raises(InvalidField) as refused:
        fields.check_name_fits("n" * 101, "sandbox", engine)
    assert refused.value.details == {"field": "name", "limit": 100, "found": 101}


@pytest.mark.parametrize("character", UNSTORABLE)
def test_a_description_has_no_control_characters_and_no_halves(character: str) -> None:
    kind = "half of a surrogate pair," if "\ud800" <= character <= "\udfff" else "the control character"
    with pytest.raises(InvalidField, match=f"'description' contains {kind}"):
        fields.description("description", f"warm{character}voice")


def test_a_description_has_lines_and_tabs_and_browsers_line_ends_are_made_plain() -> None:
    assert fields.description("description", "\r\none\r\n\ttwo\rthree\n") == "one\n\ttwo\nthree"


@pytest.mark.parametrize("character", UNSTORABLE)
@pytest.mark.parametrize("place", ["{%s: 1}", '{"a": %s}', '{"a": [[{"b": %s}]]}', '{"a": {"b": {%s: null}}}'])
def test_json_with_text_that_cannot_be_stored_is_refused_wherever_it_stands(place: str, character: str) -> None:
    with pytest.raises(InvalidField) as refused:
        fields.json_object("labels", place % json.dumps(f"x{character}"))
    assert refused.value.details == {"field": "labels", "found": f"U+{ord(character[0]):04X}"}


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity", "[1e400]"], ids=lambda value: value[:9])
def test_json_with_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(InvalidField, match="finite numbers"):
        fields.json_object("settings", f'{{"a": {value}}}')


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
def test_json_is_at_most_sixteen_levels_deep(before: str, after: str) -> None:
    def nested(levels: int) -> str:
        return '{"a":' + before * (levels - 1) + "1" + after * (levels - 1) + "}"

    assert fields.json_object("labels", nested(16)) == json.loads(nested(16))
    for levels in (17, 1000):
        with pytest.raises(InvalidField) as refused:
            fields.json_object("labels", nested(levels))
        assert refused.value.details == {"field": "labels", "limit": 16}
    with pytest.raises(InvalidField):
        fields.json_object("labels", before * 3000)


def test_json_that_can_be_told_again_is_taken_as_it_is() -> None:
    whole = {"team": "sales 👩‍🎤", "n": [1, -2.5, 1e300, True, None], "note": "two\nlines\t", "": {}}
    assert fields.json_object("labels", json.dumps(whole)) == whole


@pytest.mark.parametrize("url", ["https://example.com/\0", "https://exa\x1bmple.com/", "https://example.com/a\nb"])
def test_an_address_has_no_characters_that_are_dropped_without_a_word(url: str) -> None:
    with pytest.raises(InvalidField, match="control character"):
        fields.url("callback_url", url)


def test_what_a_client_wrote_is_shown_short_and_plain() -> None:
    assert fields.shown("a\0b\x1b\ud800c" + "x" * 100) == "abc" + "x" * 58


def test_a_number_that_is_too_long_is_told_as_one() -> None:
    with pytest.raises(InvalidField, match="a number of 5000 digits; at most 400 are read"):
        fields.json_object("labels", '{"x": ' + "9" * 5000 + "}")
    assert fields.json_object("labels", '{"x": ' + "9" * 400 + "}")
