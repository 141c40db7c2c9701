"""One tree of errors, drawn at the top of its file, each with a code of its own and a sentence."""

from shared import errors
from shared.errors import ServiceError


def kinds(root: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    return [
        root,
        *(
            kind
            for child in root.__subclasses__()
            for kind in kinds(child)
            if kind.__module__.startswith(errors.__name__)
        ),
    ]


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None
    missing = [
        kind.__name__ for kind in kinds() if kind.__name__ not in errors.__doc__ or kind.code not in errors.__doc__
    ]
    assert missing == []


def test_codes_are_unique_and_capitals() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))
    assert all(code.replace("_", "").isalpha() and code.isupper() for code in codes)


def test_the_docstring_is_the_default_message_on_one_line() -> None:
    for kind in kinds():
        message = kind().message
        assert message.endswith(".")
        assert "\n" not in message


def test_what_may_pass_is_retryable_and_what_cannot_is_not() -> None:
    retryable = {kind.code for kind in kinds() if kind.retryable}
    assert {"VENDOR_UNAVAILABLE", "VENDOR_RATE_LIMITED", "STORAGE_UNAVAILABLE", "DATABASE_UNAVAILABLE"} <= retryable
    assert not {"VENDOR_REJECTED", "AUDIO_UNREADABLE", "NOT_FOUND", "INTERNAL_ERROR"} & retryable
