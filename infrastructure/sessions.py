"""Sessions: refresh tokens that are exchanged at each use, and what is known of sessions that are over.

The database is the truth. Each process keeps in memory which sessions have ended lately, and asks for news twice a
second: that a token is revoked costs a request nothing to know, and needs no Redis to be right.

A refresh token is `session.secret.mark`. Its successor is made from it and the server's key, so whoever lost the
answer is given the same one again, for a moment. The mark proves that a token was ours: an old one that comes again
is told from one that somebody made up, without keeping any.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from infrastructure.access_tokens import CLOCK_SKEW_S, SALT_BYTES, AccessTokens
from infrastructure.database import UNREACHABLE, Pool
from infrastructure.ids import new_id

GRACE_S = 10
"""An answer may get lost: so long, the token before the present one is given the same successor."""
ASK_EVERY_S = 0.5
DEAF_AFTER_S = 5.0
OVERLAP_S = 10.0
"""What ended before we last looked may have been committed since."""

OPEN = """INSERT INTO sessions (session_id, user_id, token_hash, expires_at, address, device)
    VALUES ($1, $2, $3, clock_timestamp() + $4::interval, $5, $6)"""
EXCHANGE = """UPDATE sessions SET previous_hash = token_hash, token_hash = $3, used_at = clock_timestamp()
    WHERE session_id = $1 AND token_hash = $2 AND ended_at IS NULL AND expires_at > clock_timestamp()
        AND used_at > clock_timestamp() - $4::interval RETURNING user_id"""
FIND = """SELECT user_id, token_hash, previous_hash, ended_at IS NOT NULL OR expires_at <= clock_timestamp() AS over,
        used_at > clock_timestamp() - $2::interval AS just_now FROM sessions WHERE session_id = $1"""
END = """UPDATE sessions SET ended_at = clock_timestamp()
    WHERE user_id = $1 AND ended_at IS NULL AND ($2::text[] IS NULL OR session_id = ANY ($2))
        AND session_id <> ALL ($3::text[]) RETURNING session_id"""
OPEN_ONES = """SELECT session_id, opened_at, used_at, expires_at, address, device FROM sessions
    WHERE user_id = $1 AND ended_at IS NULL AND expires_at > clock_timestamp() ORDER BY used_at DESC LIMIT 100"""
ENDED = "SELECT session_id FROM sessions WHERE ended_at > clock_timestamp() - $1::interval"
SALTS = "SELECT salt, extract(epoch FROM made_at)::float8 AS made_at FROM signing_keys"
ADD_SALT = "INSERT INTO signing_keys (salt) VALUES ($1)"
PRUNE = "DELETE FROM sessions WHERE expires_at < clock_timestamp() OR ended_at < clock_timestamp() - interval '1 day'"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenSession:
    session_id: str
    opened_at: datetime
    used_at: datetime
    expires_at: datetime
    address: str
    device: str


@dataclass(frozen=True, slots=True)
class Exchanged:
    session_id: str
    user_id: str
    refresh_token: str


class RefreshRefused(Exception):
    """`reused_of` names session and user if the token had been used before: the session has been ended for that."""

    def __init__(self, reused_of: tuple[str, str] | None = None) -> None:
        super().__init__("The refresh token is not valid.")
        self.reused_of = reused_of


class Sessions:
    """One per process; all methods belong to its event loop."""

    def __init__(self, pool: Pool, tokens: AccessTokens, secret: str, *, days: int, idle_days: int) -> None:
        self._pool, self._tokens = pool, tokens
        self._key = hashlib.sha256(b"daybook refresh tokens\n" + secret.encode()).digest()
        self._lasts, self._idle = timedelta(days=days), timedelta(days=idle_days)
        self._ended: dict[str, float] = {}
        """Until when, by the monotonic clock, each must be remembered: as long as an access token of it may run."""
        self._asked_at = -float("inf")

    async def open(self, user_id: str, address: str, device: str) -> Exchanged:
        """A new session, with its first refresh token."""
        session_id = new_id("ses")
        token = self._marked(session_id, secrets.token_bytes(32))
        await self._pool.execute(OPEN, session_id, user_id, _hash(token), self._lasts, address, device)
        return Exchanged(session_id, user_id, token)

    async def exchange(self, token: str) -> Exchanged:
        """The successor of a refresh token. Of many who bring the same token at once all get the same successor.

        Raises RefreshRefused."""
        session_id, successor = self._successor(token)
        taken = await self._pool.returning(EXCHANGE, session_id, _hash(token), _hash(successor), self._idle)
        if taken:
            return Exchanged(session_id, taken[0]["user_id"], successor)
        row = await self._pool.fetchrow(FIND, session_id, timedelta(seconds=GRACE_S))
        if row is None or row["over"] or row["token_hash"] == _hash(token):
            raise RefreshRefused
        was_before = row["previous_hash"] == _hash(token) and row["token_hash"] == _hash(successor)
        if was_before and row["just_now"]:
            return Exchanged(session_id, row["user_id"], successor)
        if not self._is_ours(token):
            raise RefreshRefused
        await self.end(row["user_id"], [session_id])
        raise RefreshRefused((session_id, row["user_id"]))

    async def end(
        self, user_id: str, session_ids: Collection[str] | None = None, *, but: Collection[str] = ()
    ) -> Sequence[str]:
        """End these of the user's sessions, or all of them; those that were still open."""
        ended = await self._pool.returning(END, user_id, None if session_ids is None else [*session_ids], [*but])
        found = [row["session_id"] for row in ended]
        self._remember(found)
        return found

    async def of(self, user_id: str) -> Sequence[OpenSession]:
        """The open ones, the latest used first."""
        return [OpenSession(*row) for row in await self._pool.fetch(OPEN_ONES, user_id)]

    def has_ended(self, session_id: str) -> bool:
        return session_id in self._ended

    @property
    def hears(self) -> bool:
        """Whether this process has heard lately of what others have ended."""
        return time.monotonic() - self._asked_at < DEAF_AFTER_S

    async def rotate_keys(self) -> None:
        """Announce a new key for access tokens; the present one signs for another minute."""
        await self._pool.execute(ADD_SALT, secrets.token_bytes(SALT_BYTES))
        await self.ask()

    async def ask(self) -> None:
        """What others have ended, and which keys there are."""
        began = time.monotonic()
        back_s = min(began - self._asked_at + OVERLAP_S, self._tokens.lifetime_s + OVERLAP_S)
        ended = await self._pool.fetch(ENDED, timedelta(seconds=back_s))
        self._remember([row["session_id"] for row in ended])
        self._tokens.know([(row["salt"], row["made_at"]) for row in await self._pool.fetch(SALTS)])
        self._asked_at = began

    async def keep_informed(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.ask()
            except UNREACHABLE as error:
                log.warning("sessions_unheard", error=str(error))
            except Exception:
                log.exception("sessions_unheard")
            await asyncio.sleep(ASK_EVERY_S)

    async def prune(self) -> None:
        """What is over, and has been known everywhere for long."""
        await self._pool.execute(PRUNE)

    def _remember(self, session_ids: Sequence[str]) -> None:
        now = time.monotonic()
        until = now + self._tokens.lifetime_s + CLOCK_SKEW_S + OVERLAP_S
        self._ended |= {session_id: until for session_id in session_ids if session_id not in self._ended}
        for session_id in [first for first, last in self._ended.items() if last < now]:
            del self._ended[session_id]

    def _successor(self, token: str) -> tuple[str, str]:
        session_id, dot, _ = token.partition(".")
        if not dot or not token.isascii() or "\0" in token:
            raise RefreshRefused
        return session_id, self._marked(session_id, hmac.digest(self._key, b"after\n" + token.encode(), "sha256"))

    def _marked(self, session_id: str, secret: bytes) -> str:
        token = f"{session_id}.{_text(secret)}"
        return f"{token}.{self._mark(token)}"

    def _is_ours(self, token: str) -> bool:
        unmarked, _, mark = token.rpartition(".")
        return hmac.compare_digest(mark, self._mark(unmarked))

    def _mark(self, token: str) -> str:
        return _text(hmac.digest(self._key, b"ours\n" + token.encode(), "sha256")[:16])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
