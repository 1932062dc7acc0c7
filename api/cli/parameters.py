"""Options whose texts mean what the same parameters of the API mean."""

from typing import Any

from api.cli.outcome import Misused


def parsed(kind: Any, text: str | None, option: str) -> Any:
    """The value of an annotated type of the API, such as api.times.From. Raises Misused."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(text) if text is not None else None
    except ValidationError as error:
        raise Misused(f"{option}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
