"""Which media type to answer with (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from fastapi import Request

from api.problems import Problem

JSON, CSV, NDJSON, SSE = "application/json", "text/csv", "application/x-ndjson", "text/event-stream"
PDF = "application/pdf"


def chosen(request: Request, offered: Sequence[str] = (JSON, CSV)) -> str:
    """What `Accept` prefers of what is offered, the first if it does not care. Raises Problem 406 if it wants none."""
    weights: dict[str, float] = {}
    for part in request.headers.get("accept", "*/*").split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights[media_range] = next((_weight(value[2:]) for value in parameters if value.startswith("q=")), 1.0)

    def weight(media_type: str) -> float:
        wide = weights.get(f"{media_type.partition('/')[0]}/*", weights.get("*/*", 0.0))
        return weights.get(media_type, wide)

    best = max(offered, key=weight)  # the first of equals
    if weight(best) <= 0:
        raise Problem(406, "not_acceptable", f"This is to be had as {', '.join(offered[:-1])} or {offered[-1]}.")
    return best


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
