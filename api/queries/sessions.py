"""Where somebody is signed in, and the keys that access tokens are checked with."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import SignedIn
from api.wiring import Shop
from infrastructure.access_tokens import ANNOUNCED_S
from infrastructure.positions import HEAD

router = query_router("/v1/auth", "auth")
keys_router = APIRouter(tags=["auth"])

_SESSION = {
    "session_id": "ses_01h455vb4pex5vsknk084sn02q",
    "opened_at": "2026-05-01T12:00:00Z",
    "used_at": "2026-05-02T09:30:00Z",
    "expires_at": "2026-07-30T12:00:00Z",
    "address": "203.0.113.7",
    "device": "Mozilla/5.0",
    "current": True,
}


class SessionShown(BaseModel):
    session_id: str
    opened_at: datetime
    used_at: datetime = Field(description="When its refresh token was exchanged last.")
    expires_at: datetime
    address: str
    device: str
    current: bool = Field(description="Whether it is the one that asks.")


class SessionsShown(BaseModel):
    data: list[SessionShown]


class JsonWebKey(BaseModel):
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"
    kid: str
    x: str


class JsonWebKeys(BaseModel):
    keys: list[JsonWebKey]


@router.get("/sessions", responses=shown({"data": [_SESSION]}))
async def list_sessions(read: Read, caller: SignedIn) -> SessionsShown:
    """Your open sessions, the latest used first."""
    await read.seen(HEAD)
    found = await read.shop.sessions.of(caller.user_id)
    return SessionsShown(
        data=[
            SessionShown(
                session_id=each.session_id,
                opened_at=each.opened_at,
                used_at=each.used_at,
                expires_at=each.expires_at,
                address=each.address,
                device=each.device,
                current=each.session_id == caller.session_id,
            )
            for each in found
        ]
    )


@keys_router.get("/.well-known/jwks.json")
async def list_keys(request: Request, response: Response) -> JsonWebKeys:
    """The public keys of access tokens (RFC 7517). A new one is here for a minute before it signs."""
    shop: Shop = request.app.state.shop
    response.headers["Cache-Control"] = f"public, max-age={ANNOUNCED_S // 2}"
    return JsonWebKeys(keys=[JsonWebKey(**key) for key in shop.access_tokens.published()])
