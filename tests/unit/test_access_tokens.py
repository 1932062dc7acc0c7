"""Access tokens: what is good, what is not, and keys that change while people are signed in."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from infrastructure.access_tokens import ALGORITHM, ANNOUNCED_S, AUDIENCE, ISSUER, AccessTokens, BadToken
from tests.e2e.shop_client import SECRET_KEY

LIFETIME_S = 900


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [time.time()]
    monkeypatch.setattr("infrastructure.access_tokens.time.time", lambda: now[0])
    yield now


def tokens(*salts: tuple[bytes, float]) -> AccessTokens:
    made = AccessTokens(SECRET_KEY, LIFETIME_S)
    made.know(salts)
    return made


def forged(by: AccessTokens, *, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """Signed with the right key, with claims as nobody would issue them; None leaves one out."""
    now = int(time.time())
    claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "usr_1", "sid": "ses_1", "jti": "1"}
    claims |= {"roles": ["admin"], "iat": now, "nbf": now, "exp": now + 600} | changed
    key = by._keys[0]
    headers = {"kid": key.key_id, "typ": "at+jwt"} | (header or {})
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key.private, ALGORITHM, headers)


def test_a_token_tells_who_it_is_and_until_when() -> None:
    found = tokens().verified(tokens().issue("usr_1", "ses_1", frozenset({"staff", "customer"})))
    assert found[:3] == ("usr_1", "ses_1", frozenset({"staff", "customer"}))
    assert found.expires_at - found.begins_at == LIFETIME_S


def test_a_forged_token_is_good_if_nothing_is_wrong_with_it() -> None:
    """Or the tests below would prove nothing."""
    assert tokens().verified(forged(tokens())).roles == {"admin"}


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"aud": "elsewhere"},
        {"iss": "elsewhere"},
        *({missing: None} for missing in ("exp", "nbf", "iat", "iss", "aud", "sub", "sid", "jti", "roles")),
        {"header": {"kid": "another"}},
        {"header": {"typ": "JWT"}},
    ],
    ids=str,
)
def test_a_token_with_anything_wrong_is_none(changed: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        tokens().verified(forged(tokens(), **changed))


def test_the_algorithm_is_not_the_tokens_to_choose() -> None:
    good = tokens()
    public = good._keys[0].public.public_bytes_raw()
    claims = jwt.decode(forged(good), options={"verify_signature": False})
    headers = {"kid": good._keys[0].key_id, "typ": "at+jwt"}
    for key, algorithm in ((public, "HS256"), (SECRET_KEY, "HS256"), ("", "none")):
        with pytest.raises(BadToken):
            good.verified(jwt.encode(claims, key, algorithm, headers))


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(BadToken):
        tokens().verified(AccessTokens("another secret " * 3, LIFETIME_S).issue("usr_1", "ses_1", frozenset()))


def test_a_new_key_is_known_before_it_signs_and_the_old_one_until_its_tokens_are_over(clock: list[float]) -> None:
    old, both = tokens(), tokens((b"salt", clock[0]))
    assert len(both.published()) == 2
    before = both.issue("usr_1", "ses_1", frozenset())
    assert old.verified(before)  # whoever has not heard of the new key yet is not told by a token
    clock[0] += ANNOUNCED_S + 1
    after = both.issue("usr_1", "ses_1", frozenset())
    with pytest.raises(BadToken):
        old.verified(after)
    assert both.verified(before).session_id == both.verified(after).session_id
    clock[0] += LIFETIME_S + 10
    assert len(both.published()) == 1
    late = tokens((b"salt", clock[0] - ANNOUNCED_S - LIFETIME_S - 11))
    with pytest.raises(BadToken):
        late.verified(forged(old))


def test_a_token_is_over_in_time_though_its_signature_is_remembered(clock: list[float]) -> None:
    made = tokens()
    token = made.issue("usr_1", "ses_1", frozenset())
    assert made.verified(token)
    clock[0] += LIFETIME_S + 6
    with pytest.raises(BadToken, match="expired"):
        made.verified(token)
