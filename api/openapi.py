"""The OpenAPI document: what FastAPI derives, with problems and the shared headers written in once for every path."""

from typing import Any

from pydantic import BaseModel, Field

from api.problem_catalog import CATALOG


class FieldError(BaseModel):
    pointer: str = Field(description="`/lines/0/quantity` in the body, `?limit` in the query.", examples=["/quantity"])
    code: str = Field(examples=["greater_than_equal"])
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class ProblemDetails(BaseModel):
    """RFC 9457. Some codes carry further members, such as `items` of `out_of_stock`."""

    type: str = Field(examples=["/problems/validation_failed"], description="Where the code is explained.")
    title: str = Field(examples=["Invalid input"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["/quantity: Input should be greater than or equal to 1"])
    instance: str = Field(examples=["/v1/cart/lines"])
    code: str = Field(examples=["validation_failed"])
    request_id: str = Field(examples=["req_01h455vb4pex5vsknk084sn02q"])
    errors: list[FieldError] | None = None


_ERRORS = {
    "400": "The request cannot be read.",
    "401": "Not signed in, or the token is no good.",
    "403": "Signed in, but not allowed.",
    "404": "It does not exist, or is not yours to see.",
    "409": "A rule of the shop says no.",
    "412": "It has changed since the version in `If-Match`.",
    "422": "A field is wrong: `errors` names it.",
    "429": "Too often. See `Retry-After`.",
    "503": "Busy, or the read side is behind `Min-Position`. See `Retry-After`.",
}
# Commands that must not happen twice by accident: see Handling.require_key.
_KEYED = {
    ("post", "/v1/orders"),
    ("post", "/v1/orders/{order_id}/pay"),
    ("post", "/v1/orders/{order_id}/capture"),
    ("post", "/v1/orders/{order_id}/refunds"),
    ("post", "/v1/orders/{order_id}/returns"),
    ("post", "/v1/stock/{sku}/receipts"),
    ("post", "/v1/stock/{sku}/adjustments"),
    ("post", "/v1/stock/{sku}/transfers"),
}
# What these change is told by no fact, or by one that is nobody's business.
_WITHOUT_FACTS = {"/v1/auth/login", "/v1/auth/refresh", "/v1/auth/email-verification", "/v1/auth/password-reset"}
# They change nothing, and are answered from the book itself.
_ONLY_ASKED = {"/v1/checkout/quote"}
_COMMAND_HEADERS = {
    "Commit-Position": ("The position of the newest fact this led to. Send it as `Min-Position` to read it.", "1042"),
    "ETag": ("The version it is at now, for `If-Match`.", '"3"'),
    "Idempotent-Replayed": ("`true` when this is the first answer again.", "true"),
}
_QUERY_HEADERS = {"Projection-Position": ("How far the read tables are, at least.", "1042")}


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document that FastAPI made, with all that it does not know. It is changed itself."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    problem["properties"]["code"]["enum"] = sorted(CATALOG)
    schemas["ProblemDetails"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, description in _ERRORS.items():
                operation["responses"][status] = {"description": description, "content": content}
            if (method, path) in _KEYED:
                for parameter in operation["parameters"]:
                    parameter["required"] = parameter["required"] or parameter["name"] == "idempotency-key"
            if path.startswith("/v1/") and path not in _WITHOUT_FACTS:
                headers = _QUERY_HEADERS if method == "get" else _COMMAND_HEADERS
                _add_headers(operation, {} if path in _ONLY_ASKED else headers)
    return document


def _add_headers(operation: dict[str, Any], headers: dict[str, tuple[str, str]]) -> None:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response["headers"] = {
                name: {"description": text, "schema": {"type": "string"}, "example": example}
                for name, (text, example) in headers.items()
            }
