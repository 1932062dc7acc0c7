"""Which passwords are taken: long enough, not too long for bcrypt, none that all try first (NIST SP 800-63B)."""

from functools import cache
from pathlib import Path

from infrastructure.accounts import PASSWORD_BYTES_MAX

CHARACTERS_MIN = 8
_COMMON = Path(__file__).with_name("common_passwords.txt")


def refusal(password: str, *about: str) -> tuple[str, str] | None:
    """A code and a sentence about what is wrong with it; None if nothing is. `about` is what is known of its owner."""
    if len(password) < CHARACTERS_MIN:
        return "too_short", f"at least {CHARACTERS_MIN} characters"
    if len(password.encode(errors="replace")) > PASSWORD_BYTES_MAX:
        return "too_long", f"at most {PASSWORD_BYTES_MAX} bytes in UTF-8"
    plain = password.strip().lower()
    if plain in _common() or len(set(plain)) == 1:
        return "too_common", "this is among the passwords that are tried first"
    if plain in {part.lower() for each in about for part in (each, each.partition("@")[0])}:
        return "too_common", "this is what everybody knows of you"
    return None


@cache
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text().split("\n"))
