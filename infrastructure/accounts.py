"""Sign-in credentials: e-mail addresses and password hashes, in a table of their own and never in a fact."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from infrastructure.database import Pool

T = TypeVar("T")

ROUNDS = 12
PASSWORD_BYTES_MAX = 72
"""What bcrypt looks at. Longer passwords are refused rather than cut."""

_HASH_CHARACTERS = 60

_ADD = """INSERT INTO credentials (user_id, email, password_hash) VALUES ($1, $2, $3)
    ON CONFLICT (email) DO NOTHING RETURNING user_id"""
_FIND = "SELECT user_id, password_hash FROM credentials WHERE email = $1"


class Accounts:
    """Hashes are made on threads of their own, two at a time, so that a rush of sign-ins cannot starve the shop."""

    def __init__(self, pool: Pool, *, rounds: int = ROUNDS) -> None:
        self._pool, self._rounds = pool, rounds
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="bcrypt")
        # No password has this hash; comparing with it takes as long as with any other.
        self._nobody = f"$2b${rounds:02}$".ljust(_HASH_CHARACTERS, ".")

    async def add(self, user_id: str, email: str, password: str) -> bool:
        """Whether the address was free."""
        hashed = await self._run(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self._rounds))
        return bool(await self._pool.returning(_ADD, user_id, normalized(email), hashed.decode()))

    async def check(self, email: str, password: str) -> str | None:
        """The user whose address and password these are. Takes as long for an address that nobody has."""
        row = await self._pool.fetchrow(_FIND, normalized(email)) if email.isprintable() else None
        password_hash = self._nobody if row is None else row["password_hash"]
        secret = password.encode(errors="replace")
        matches = await self._run(bcrypt.checkpw, secret[:PASSWORD_BYTES_MAX], password_hash.encode())
        return row["user_id"] if row is not None and matches and len(secret) <= PASSWORD_BYTES_MAX else None

    async def find(self, email: str) -> str | None:
        """The user with this address."""
        row = await self._pool.fetchrow(_FIND, normalized(email))
        return None if row is None else row["user_id"]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[..., T], *arguments: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def normalized(email: str) -> str:
    return email.strip().lower()
