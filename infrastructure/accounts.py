"""Sign-in credentials: e-mail addresses and password hashes, in a table of their own and never in a fact."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg
import bcrypt

from infrastructure.database import Pool

T = TypeVar("T")

ROUNDS = 12
PASSWORD_BYTES_MAX = 72
"""What bcrypt looks at. Longer passwords are refused rather than cut."""

_HASH_CHARACTERS = 60

ADD = """INSERT INTO credentials (user_id, email, password_hash) VALUES ($1, $2, $3)
    ON CONFLICT (email) DO NOTHING RETURNING user_id"""
# With the letter that its owner gets, in one transaction: whether the address was free is not to be told from how long
# it takes. What is written down of a letter is where it goes and what it is about.
REGISTER = """WITH added AS (INSERT INTO credentials (user_id, email, password_hash) VALUES ($1, $2, $3)
        ON CONFLICT (email) DO NOTHING RETURNING user_id),
    asked AS (INSERT INTO mail_requests (email, purpose)
        SELECT $2, CASE WHEN EXISTS (SELECT FROM added) THEN 'email-verification' ELSE 'already-registered' END
         WHERE $4 ON CONFLICT DO NOTHING)
    SELECT user_id FROM added"""
FIND = "SELECT user_id, password_hash FROM credentials WHERE email = $1"
HASH_OF = "SELECT password_hash FROM credentials WHERE user_id = $1"
SET_PASSWORD = "UPDATE credentials SET password_hash = $2 WHERE user_id = $1"
RENEW = "UPDATE credentials SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2"
SET_EMAIL = "UPDATE credentials SET email = $2 WHERE user_id = $1"


class Accounts:
    """Hashes are made on threads of their own, two at a time, so that a rush of sign-ins cannot starve the shop."""

    def __init__(self, pool: Pool, *, rounds: int = ROUNDS) -> None:
        self._pool, self._rounds = pool, rounds
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="bcrypt")
        # No password has this hash; comparing with it takes as long as with any other.
        self._nobody = f"$2b${rounds:02}$".ljust(_HASH_CHARACTERS, ".")

    async def add(self, user_id: str, email: str, password: str) -> bool:
        """Whether the address was free."""
        return bool(await self._pool.returning(ADD, user_id, normalized(email), await self._hashed(password)))

    async def register(self, user_id: str, email: str, password: str, *, letter: bool) -> str | None:
        """Open an account, and have a letter sent there if `letter`; None, or whose the address is already."""
        email, hashed = normalized(email), await self._hashed(password)
        while not await self._pool.returning(REGISTER, user_id, email, hashed, letter):
            if (row := await self._pool.fetchrow(FIND, email)) is not None:
                owner: str = row["user_id"]
                return owner
        return None

    async def check(self, email: str, password: str) -> tuple[str | None, str | None]:
        """Whose address it is, and that user again if the password is theirs.

        Takes as long for an address that nobody has. A hash that was cheaper than those of today is made anew."""
        row = await self._pool.fetchrow(FIND, normalized(email)) if email.isprintable() else None
        if row is None:
            await self._matches(password, self._nobody)
            return None, None
        user_id, password_hash = row
        if not await self._matches(password, password_hash):
            return user_id, None
        if _rounds(password_hash) < self._rounds:
            await self._pool.execute(RENEW, user_id, password_hash, await self._hashed(password))
        return user_id, user_id

    async def has_password(self, user_id: str, password: str) -> bool:
        password_hash = await self._pool.fetchval(HASH_OF, user_id)
        return await self._matches(password, password_hash or self._nobody) and password_hash is not None

    async def set_password(self, user_id: str, password: str) -> None:
        await self._pool.execute(SET_PASSWORD, user_id, await self._hashed(password))

    async def set_email(self, user_id: str, email: str) -> bool:
        """Whether nobody else has the address."""
        try:
            await self._pool.execute(SET_EMAIL, user_id, normalized(email))
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def find(self, email: str) -> str | None:
        """The user with this address."""
        row = await self._pool.fetchrow(FIND, normalized(email))
        return None if row is None else row["user_id"]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _hashed(self, password: str) -> str:
        return (await self._run(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self._rounds))).decode()

    async def _matches(self, password: str, password_hash: str) -> bool:
        secret = password.encode(errors="replace")
        matches = await self._run(bcrypt.checkpw, secret[:PASSWORD_BYTES_MAX], password_hash.encode())
        return matches and len(secret) <= PASSWORD_BYTES_MAX

    async def _run(self, function: Callable[..., T], *arguments: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def normalized(email: str) -> str:
    return email.strip().lower()


def _rounds(password_hash: str) -> int:
    """The cost that a bcrypt hash names: 12 of `$2b$12$...`."""
    return int(password_hash.split("$")[2])
