"""From a request to a handled command and back: metadata, idempotency, expected versions, and the answer's headers."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from api.depending import on_the_loop
from api.problems import Problem
from api.scopes import trace_of
from api.security import principal_of
from api.wiring import Shop
from commands import Command
from commands.decider import Ref
from commands.handler import Done, KeyReused, Once
from commands.rejections import VersionMismatch
from events.store import Metadata
from infrastructure.codec import decode_metadata
from infrastructure.ids import made_id, new_id

Answer = Callable[[Done], Mapping[str, Any]]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Changed(BaseModel):
    """What a command was about, and the version that it is at now."""

    id: Annotated[str, Field(examples=["ord_01h455vb4pex5vsknk084sn02q"])]
    version: Annotated[int, Field(examples=[3])]


class Handling:
    """Handles the command of one request. An endpoint says which thing it is about and how the answer looks."""

    def __init__(
        self,
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(
                pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$",
                description="Makes the command happen once, however often it is sent; by default, for 30 days. Nobody "
                "looks at it where sessions, tokens of letters, product tables, rebuilds or parked facts are meant.",
                examples=["3f1c9a50-checkout-1"],
            ),
        ] = None,
        if_match: Annotated[
            str | None, Header(description='The version you have seen, as in `ETag`: `"3"`.', examples=['"3"'])
        ] = None,
    ) -> None:
        self._request, self._principal = request, principal_of(request)
        self._key, self._if_match = idempotency_key, if_match
        self._secret = b""
        self.shop: Shop = request.app.state.shop

    async def __call__(
        self,
        *commands: Command,
        about: Ref[Any],
        status: int = 200,
        answer: Answer | None = None,
        location: str | None = None,
        actor: str | None = None,
        keyed: bool = True,
        also: Mapping[Ref[Any], int] | None = None,
    ) -> Response:
        """Handle it, and answer with `Commit-Position` and the `ETag` of what it is about. Raises what Handler does.

        `keyed=False` is for callers who cannot be told apart yet, and for answers that hold a secret. `also` are
        versions that the endpoint insists on, whatever the caller has seen: raises VersionMismatch."""
        identity = about.stream.removeprefix(f"{about.fold.category}-")
        written = answer or (lambda done: {"id": identity, "version": done.versions[about.stream]})

        def packed(done: Done) -> bytes:
            version, where = done.versions.get(about.stream, 0), (location or "").encode()
            return b"%d %d %b\n%b" % (status, version, where, to_json(written(done)))

        metadata = self.metadata(type(commands[0]).__name__, actor)
        expected = {about: self._expected_version()} if self._if_match is not None else {}
        expected |= also or {}
        once = Once(*await self._asked(self._key), packed) if self._key is not None and keyed else None
        try:
            done = await self.shop.handler(*commands, metadata=metadata, once=once, expected=expected)
        except VersionMismatch as mismatch:
            if self._if_match is None or also:
                raise
            raise await self._explained(mismatch, about) from None
        if done.replayed is not None:
            return _unpacked(done.replayed, done.position, replayed=True)
        return _unpacked(packed(done), done.position)

    async def first_answer(self) -> Response | None:
        """What a repeated request was answered with, for endpoints whose own checks it would not pass again.

        Raises KeyReused."""
        if self._key is None:
            return None
        scope, content = await self._asked(self._key)
        known = await self.shop.store.recall(scope)
        if known is None:
            return None
        first, appended = known
        if first.request_hash != content:
            raise KeyReused
        return _unpacked(first.answer, appended.position, replayed=True)

    def with_password(self) -> None:
        """The request holds a password, and nobody must find that by what is kept of the request."""
        self._secret = self.shop.settings.signing_key().encode()

    def repeatable_id(self, prefix: str, *asked: str) -> str:
        """A fresh identity; with an Idempotency-Key the same for whoever asks the same again. Nothing of it is kept."""
        if self._key is None:
            return new_id(prefix)
        secret = self.shop.settings.signing_key().encode()
        return made_id(prefix, LONG_AGO, hmac.digest(secret, "\n".join((self._key, *asked)).encode(), "sha256").hex())

    async def check_if_match(self, about: Ref[Any]) -> None:
        """For endpoints that do more than one thing: before the first. Raises Problem."""
        if self._if_match is not None:
            expected, known = self._expected_version(), await self.shop.handler.known(about)
            if known.version != expected:
                raise await self._explained(VersionMismatch(expected, known.version), about)

    def require_key(self) -> None:
        """For commands that must not happen twice by accident."""
        if self._key is None:
            raise Problem(
                400,
                "idempotency_key_required",
                "Send an Idempotency-Key header: a fresh unique string for this command, the same when you repeat it.",
            )

    def metadata(self, command: str, actor: str | None = None) -> Metadata:
        request_id = self._request.scope["request_id"]
        return Metadata(
            actor=actor or (self._principal.user_id if self._principal else "guest"),
            command=command,
            correlation_id=request_id,
            request_id=request_id,
            traceparent=trace_of(self._request.scope),
        )

    async def _asked(self, key: str) -> tuple[str, bytes]:
        """The key counts for this caller and this route; the hash covers all that the command was made from."""
        principal = self._principal.user_id if self._principal else self._request.headers.get("x-cart-token", "guest")
        route = f"{self._request.method} {self._request.scope['route'].path}"
        scope = hashlib.sha256(f"{principal}\n{route}\n{key}".encode()).hexdigest()
        content = self._request.scope["path"].encode() + b"\n" + await self._request.body()
        if self._secret:
            return scope, hmac.digest(self._secret, scope.encode() + content, "sha256")
        return scope, hashlib.sha256(content).digest()

    def _expected_version(self) -> int:
        match = re.fullmatch(r'"(\d{1,9})"', self._if_match or "")
        if match is None:
            raise Problem(400, "bad_request", 'If-Match takes one version as the ETag gave it, such as "3".')
        return int(match[1])

    async def _explained(self, mismatch: VersionMismatch, about: Ref[Any]) -> Problem:
        """Say what the caller has not seen, since when, and by whom."""
        missed = await self.shop.store.stored_stream(about.stream, after=mismatch.details["expected_version"], limit=50)
        intervening = [
            {
                "version": fact.originator_version,
                "type": fact.topic,
                "at": fact.recorded_at,
                "actor": decode_metadata(fact.metadata).actor,
            }
            for fact in missed
        ]
        return Problem(412, mismatch.code, mismatch.detail, **mismatch.details, intervening_events=intervening)


Handle = Annotated[Handling, Depends(on_the_loop(Handling))]


class _Answered(Response):
    """With all its headers in bytes already."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.body, self.status_code, self.raw_headers, self.background = body, status, headers, None


def _unpacked(packed: bytes, position: int, *, replayed: bool = False) -> Response:
    head, _, body = packed.partition(b"\n")
    status, version, location = head.split(b" ", 2)
    headers = [(b"commit-position", b"%d" % position)]
    if version != b"0":
        headers.append((b"etag", b'"%b"' % version))
    if location:
        headers.append((b"location", location))
    if replayed:
        headers.append((b"idempotent-replayed", b"true"))
    headers += [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    return _Answered(body, int(status), headers)
