"""The OpenAPI document of the native door: what it says is what is done, and its page needs no network."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.app import DOORS
from api.change import CHANGEABLE
from api.order import FIELDS
from tests.api.doors.conftest import SPEECH, Door

CLONES = "/api/v2/voice-clones"
EXAMPLES = {
    "labels": '{"team": "sales"}', "settings": '{"stability": 0.5}', "language": "en", "vendor": "sandbox",
    "engine": "default", "callback_url": "https://93.184.215.14/hook",
}  # fmt: skip


@pytest.fixture
def document(door: Door) -> dict[str, Any]:
    found: dict[str, Any] = door.client.get("/openapi.json").json()
    return found


def form_of(document: dict[str, Any]) -> dict[str, Any]:
    body = document["paths"][CLONES]["post"]["requestBody"]
    assert body["required"] is True
    found: dict[str, Any] = body["content"]["multipart/form-data"]["schema"]
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, made) for path, item in document["paths"].items() for method, made in item.items()]


def value_for(name: str, schema: dict[str, Any]) -> str:
    """Return a value that the schema allows."""
    if "enum" in schema:
        return str(schema["enum"][-1])
    return EXAMPLES.get(name) or "x" * min(schema.get("maxLength", 20), 20)


def test_the_form_that_is_declared_is_the_form_that_is_taken(document: dict[str, Any]) -> None:
    assert set(form_of(document)["properties"]) == {*FIELDS, "files"}


def test_a_request_made_from_the_schema_is_taken_whole(door: Door, document: dict[str, Any]) -> None:
    fields = {name: schema for name, schema in form_of(document)["properties"].items() if name != "files"}
    sent = {name: value_for(name, schema) for name, schema in fields.items()}
    answer = door.post(("anna.flac", SPEECH), **sent)
    assert answer.status_code == 201, answer.text
    assert "ignoredFields" not in answer.json()["data"]


def test_what_is_required_is_required_and_nothing_else(door: Door, document: dict[str, Any]) -> None:
    required = form_of(document)["required"]
    assert sorted(required) == ["files", "name"]
    for name in required:
        files = [] if name == "files" else [("anna.flac", SPEECH)]
        answer = door.post(*files, **({} if name == "name" else {"name": "Anna"}))
        assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_FIELD")
        assert answer.json()["details"]["field"] == name
    assert door.post(("anna.flac", SPEECH), name="Anna").status_code == 201


def test_every_word_of_an_enum_is_taken_and_no_other(door: Door, document: dict[str, Any]) -> None:
    enums = {name: schema["enum"] for name, schema in form_of(document)["properties"].items() if "enum" in schema}
    assert set(enums) == {"gender", "denoise", "trim"}
    for name, words in enums.items():
        for word in words:
            assert door.create(**{name: word})[name] == word
        refused = door.post(("anna.flac", SPEECH), name="Anna", **{name: "other"}).json()
        assert refused["details"] == {"field": name, "allowed": words}


def test_lengths_that_are_declared_are_held(door: Door, document: dict[str, Any]) -> None:
    limits = {
        name: schema["maxLength"] for name, schema in form_of(document)["properties"].items() if "maxLength" in schema
    }
    assert set(limits) == {"name", "description", "labels", "settings", "callback_url"}
    for name, most in limits.items():
        answer = door.post(("anna.flac", SPEECH), **{"name": "Anna", name: "x" * (most + 1)})
        assert (answer.status_code, answer.json()["details"]["field"]) == (400, name)


def test_every_operation_is_there_with_the_error_envelope(door: Door, document: dict[str, Any]) -> None:
    routes = [route for router in DOORS for route in router.routes if isinstance(route, APIRoute)]
    expected = {(method.lower(), route.path) for route in routes for method in route.methods or ()}
    assert {(method, path) for method, path, _ in operations(document)} == expected
    refusal = door.client.get("/api/v2/voice-clones/vc_x").json()
    for _, path, operation in operations(document):
        for family in ("4XX", "5XX"):
            schema = operation["responses"][family]["content"]["application/json"]["schema"]
            assert set(schema["properties"]) == set(refusal), path
            assert set(schema["required"]) <= set(refusal)
        assert "422" not in operation["responses"], "what the framework would answer is never answered"


def test_every_parameter_and_operation_says_what_it_means(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        parameters = operation.get("parameters", [])
        assert [found["name"] for found in parameters if not found.get("description")] == [], path
        assert {found["name"] for found in parameters if found["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
    for name, schema in form_of(document)["properties"].items():
        assert schema.get("description"), name


def test_both_ways_to_present_a_key_are_declared_and_work(door: Door, document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("scheme"), scheme.get("name")) for scheme in schemes.values()} == {
        ("http", "bearer", None),
        ("apiKey", None, "x-api-key"),
    }
    assert document["security"] == [{name: []} for name in schemes], "either is enough"
    for headers in ({"authorization": f"Bearer {door.key}"}, {"authorization": "", "x-api-key": door.key}):
        assert door.client.get(CLONES, headers=headers).status_code == 200


def test_the_document_is_of_the_version_that_the_page_can_show(door: Door, document: dict[str, Any]) -> None:
    # Swagger UI 4 shows nothing of a 3.1 document; `type: null` and `const` are 3.1's words.
    assert re.fullmatch(r"3\.0\.\d", document["openapi"])
    script = door.client.get("/docs/assets/swagger-ui-bundle.js").text
    assert '"3.0."' in script
    text = door.client.get("/openapi.json").text
    assert '"type":"null"' not in text
    assert '"const"' not in text
    assert "contentMediaType" not in text


def test_the_change_that_is_declared_is_the_change_that_is_taken(door: Door, document: dict[str, Any]) -> None:
    clone = f"{CLONES}/{door.create()['voiceId']}"
    for method in ("put", "patch"):
        body = document["paths"][f"{CLONES}/{{voice_id}}"][method]["requestBody"]
        properties = body["content"]["application/json"]["schema"]["properties"]
        assert body["required"] is True
        assert set(properties) == set(CHANGEABLE)
        for name, schema in properties.items():
            assert (schema["nullable"], bool(schema["description"])) == (True, True)
            value = True if schema["type"] == "boolean" else "x" * min(schema["maxLength"], 100)
            answer = door.client.request(method, clone, json={name: value})
            assert (answer.status_code, answer.json()["data"][name]) == (200, value)


def test_the_page_names_no_other_host_and_all_it_names_is_here(door: Door) -> None:
    page = door.client.get("/docs").text
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", page) == []
    named = re.findall(r"""(?:href|src|url)(?:=|:\s*)["']([^"']+)["']""", page)
    assert {name.rpartition(".")[2] for name in named} == {"css", "js", "png", "json"}
    for name in named:
        assert door.client.get(name).status_code == 200


def nullables(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema of a document that says that it may be null."""
    if isinstance(part, dict):
        if part.get("nullable") is True:
            yield part
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from nullables(one)


def admits_null(schema: dict[str, Any], document: dict[str, Any]) -> bool:
    """Tell whether null is valid, to the letter of 3.0.3: `nullable` widens the `type` beside it and nothing else."""
    if "$ref" in schema:
        return admits_null(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    by_type = "type" not in schema or schema.get("nullable") is True
    by_value = "enum" not in schema or None in schema["enum"]
    by_all = all(admits_null(one, document) for one in schema.get("allOf", ()))
    by_any = "anyOf" not in schema or any(admits_null(one, document) for one in schema["anyOf"])
    return by_type and by_value and by_all and by_any


def test_what_may_be_null_may_be_null_to_the_letter_of_the_version(document: dict[str, Any]) -> None:
    found = list(nullables(document))
    assert len(found) > 50
    for schema in found:
        assert "type" in schema, "without a type beside it, nullable says nothing"
        assert admits_null(schema, document), schema
    clone = document["components"]["schemas"]["Clone"]["properties"]
    for name in ("stage", "waitingFor", "lastError", "description"):
        assert admits_null(clone[name], document), name
    assert not admits_null(clone["status"], document)
