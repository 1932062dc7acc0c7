"""Which passwords are taken."""

import pytest

from infrastructure.passwords import refusal


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short 1", "too_short"),
        ("password1", "too_common"),
        ("PassWord1", "too_common"),
        ("zzzzzzzzzzzz", "too_common"),
        ("ada.lovelace", "too_common"),
        ("ada.lovelace@example.com", "too_common"),
        ("x1" * 36 + "x", "too_long"),
        ("ü" * 36 + "x", "too_long"),
        ("correct horse 9", None),
        ("x1" * 36, None),
        ("пароль №7", None),
    ],
)
def test_a_password_is_long_enough_not_too_long_and_not_common(password: str, code: str | None) -> None:
    refused = refusal(password, "ada.lovelace@example.com", "Ada")
    assert (refused and refused[0]) == code
