"""Database URLs as hosts and people write them."""

import pytest

from infrastructure.database_url import WrongUrl, asyncpg_dsn


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("postgres://a:b@h:1/d", "postgresql://a:b@h:1/d"),
        ("postgresql+asyncpg://a:b@h/d", "postgresql://a:b@h/d"),
        ("postgresql://u@/d?host=/tmp/x", "postgresql://u@/d?host=/tmp/x"),
        ("postgres://h/d?sslmode=require&channel_binding=require", "postgresql://h/d?sslmode=require"),
        ("postgresql://u:p%40@[::1]:5/d?options=-c%20a%3Db", "postgresql://u:p%40@[::1]:5/d?options=-c%20a%3Db"),
    ],
)
def test_urls_are_taken_as_they_are_written(written: str, taken: str) -> None:
    assert asyncpg_dsn(written) == taken


@pytest.mark.parametrize("wrong", ["mysql://a:secret@h/d", "secret", ""])
def test_another_databases_url_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(WrongUrl) as refused:
        asyncpg_dsn(wrong)
    assert "secret" not in str(refused.value)
