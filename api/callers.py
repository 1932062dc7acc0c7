"""What is known of whoever calls, beyond what they say they are: where from, and with what."""

from fastapi import Request

DEVICE_CHARACTERS_MAX = 200


def address_of(request: Request) -> str:
    """As the server sees it. Behind a proxy that is told by uvicorn's FORWARDED_ALLOW_IPS."""
    return request.client.host if request.client else ""


def device_of(request: Request) -> str:
    agent = request.headers.get("user-agent", "")
    return "".join(filter(str.isprintable, agent))[:DEVICE_CHARACTERS_MAX]
