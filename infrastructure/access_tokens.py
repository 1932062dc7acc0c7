"""Access tokens: JWTs (RFC 9068) signed with Ed25519, and the keys that sign them, old ones included.

A key comes from the secret of the settings and a salt. Processes know a new salt for a minute before its key signs,
and go on to accept what the key before has signed: nobody notices that keys have changed.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.types import Options

ISSUER = AUDIENCE = "daybook"
ALGORITHM = "EdDSA"
TYPE = "at+jwt"
CLOCK_SKEW_S = 5
ANNOUNCED_S = 60
"""So long a key is published before it signs: longer than anyone keeps what was published."""
TOKENS_REMEMBERED = 10_000
SALT_BYTES = 16
_INFO = b"daybook access tokens"
_OPTIONS: Options = {
    "require": ["exp", "iat", "nbf", "sub", "sid", "jti", "iss", "aud", "roles"],
    "verify_exp": False,  # what time it is must be asked each time, the rest once
    "verify_nbf": False,
    "verify_iat": False,
}


class BadToken(Exception):
    """Nobody should take it for anything; the message says no more than that."""


class Verified(NamedTuple):
    """What stands in a token that we have signed, and when it is good, in seconds since 1970."""

    user_id: str
    session_id: str
    roles: frozenset[str]
    begins_at: int
    expires_at: int


class _Key(NamedTuple):
    made_at: float
    key_id: str
    private: Ed25519PrivateKey
    public: Ed25519PublicKey


class AccessTokens:
    """Belongs to one event loop. The first key needs no salt, so that there always is one."""

    def __init__(self, secret: str, lifetime_s: int) -> None:
        self._secret, self.lifetime_s = secret, lifetime_s
        self._keys = [_derived(secret, b"", 0.0)]
        # Whoever comes again with the same token has a signature that was checked.
        self._signed = lru_cache(TOKENS_REMEMBERED)(self._checked)

    def know(self, salts: Sequence[tuple[bytes, float]]) -> None:
        """All salts that there are, each with the time it was made, in seconds since 1970."""
        if len(salts) + 1 != len(self._keys):
            made = [_derived(self._secret, salt, made_at) for salt, made_at in salts]
            self._keys = [self._keys[0], *sorted(made, key=lambda key: key.made_at)]

    def issue(self, user_id: str, session_id: str, roles: frozenset[str]) -> str:
        now = time.time()
        key = [key for key in self._keys if not key.made_at or key.made_at + ANNOUNCED_S <= now][-1]
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "jti": secrets.token_hex(8),
            "roles": sorted(roles),
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + self.lifetime_s,
        }
        return jwt.encode(claims, key.private, ALGORITHM, {"kid": key.key_id, "typ": TYPE})

    def verified(self, token: str) -> Verified:
        """Raises BadToken, also for one that has expired."""
        try:
            found = self._signed(token)
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
            raise BadToken("The access token is not valid.") from None
        now = time.time()
        if found.expires_at + CLOCK_SKEW_S <= now:
            raise BadToken("The access token has expired.")
        if found.begins_at - CLOCK_SKEW_S > now:
            raise BadToken("The access token is not valid.")
        return found

    def published(self) -> Sequence[Mapping[str, str]]:
        """The public keys as JWKs (RFC 8037), the newest last: those that sign, will sign, or have signed lately."""
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": ALGORITHM,
                "use": "sig",
                "kid": key.key_id,
                "x": base64.urlsafe_b64encode(key.public.public_bytes_raw()).rstrip(b"=").decode(),
            }
            for key in self._in_use()
        ]

    def _in_use(self) -> Sequence[_Key]:
        """A key signs until the next one does, and what it signed then is good for a token's lifetime."""
        since = time.time() - ANNOUNCED_S - self.lifetime_s - CLOCK_SKEW_S
        followed = [following.made_at for following in self._keys[1:]]
        return [key for key, until in zip(self._keys, [*followed, time.time()], strict=True) if until > since]

    def _checked(self, token: str) -> Verified:
        header = jwt.get_unverified_header(token)
        key = next((key for key in self._in_use() if key.key_id == header.get("kid")), None)
        if key is None or header.get("typ") != TYPE:
            raise jwt.InvalidTokenError
        # The algorithm is ours to name: what the token says of it counts for nothing.
        claims: dict[str, Any] = jwt.decode(
            token, key.public, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS
        )
        roles = frozenset(map(str, claims["roles"]))
        begins_at = max(int(claims["nbf"]), int(claims["iat"]))
        return Verified(str(claims["sub"]), str(claims["sid"]), roles, begins_at, int(claims["exp"]))


def _derived(secret: str, salt: bytes, made_at: float) -> _Key:
    seed = HKDF(SHA256(), 32, salt or None, _INFO).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key()
    return _Key(made_at, hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16], private, public)
