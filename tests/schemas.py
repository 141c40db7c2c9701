"""Holds a value to a schema of the OpenAPI document, in the words of 3.0 that our document uses, and to nothing less.

An undeclared member is a fault, though JSON Schema would let it pass: the document is to show all that is answered. A
word that is not known here is a fault, too.
"""

from typing import Any

Schema = dict[str, Any]
_SAYS_NOTHING = {"title", "description", "format", "nullable"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,),
    "number": (int, float),
}  # fmt: skip


def faults(value: Any, schema: Schema, document: Schema, at: str = "answer") -> list[str]:
    """Return where the value is not as the schema says."""
    if "$ref" in schema:
        return faults(value, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, at)
    if value is None:
        return [] if schema.get("nullable") or not schema.keys() - _SAYS_NOTHING else [f"{at} is null"]
    found: list[str] = []
    for word, said in schema.items():
        if word not in _SAYS_NOTHING:
            found += _check(word, said, value, schema, document, at)
    return found


def _check(word: str, said: Any, value: Any, schema: Schema, document: Schema, at: str) -> list[str]:
    match word:
        case "type":
            fits = isinstance(value, _TYPES[said]) and (said == "boolean" or not isinstance(value, bool))
            return [] if fits else [f"{at} is no {said}"]
        case "enum":
            return [] if value in said else [f"{at} is {value!r}, none of {said}"]
        case "allOf":
            return [fault for part in said for fault in faults(value, part, document, at)]
        case "minimum" | "maximum":
            return [] if (value >= said if word == "minimum" else value <= said) else [f"{at} is {value}"]
        case "minItems" | "maxItems":
            return [] if (len(value) >= said if word == "minItems" else len(value) <= said) else [f"{at} has {value}"]
        case "items":
            return [fault for index, one in enumerate(value) for fault in faults(one, said, document, f"{at}[{index}]")]
        case "required":
            return [f"{at}.{name} is missing" for name in said if name not in value]
        case "properties":
            missing = [f"{at}.{name} is not declared" for name in value if name not in said]
            declared = [(name, one) for name, one in value.items() if name in said]
            return missing + [f for name, one in declared for f in faults(one, said[name], document, f"{at}.{name}")]
        case "additionalProperties":
            return [] if said is True else [f"{at}: additionalProperties {said}"]
    return [f"{at}: the schema's word {word!r} is not known"]
