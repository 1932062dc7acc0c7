"""Database URLs as hosts and people write them."""

import ssl

import pytest

from infrastructure.database_url import WrongUrl, asyncpg_dsn, tls


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("postgres://a:b@h:1/d", "postgresql://a:b@h:1/d"),
        ("postgresql+asyncpg://a:b@h/d", "postgresql://a:b@h/d"),
        ("postgresql://u@/d?host=/tmp/x", "postgresql://u@/d?host=/tmp/x"),
        ("postgres://h/d?sslmode=require&channel_binding=require", "postgresql://h/d?sslmode=require"),
        ("postgresql://h/d?sslmode=verify-full&sslrootcert=system", "postgresql://h/d?sslmode=require"),
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


def test_the_authorities_of_this_machine_verify_the_host_as_well() -> None:
    trusted = tls("postgresql://h/d?sslmode=require&sslrootcert=system")
    assert trusted is not None
    assert (trusted.check_hostname, trusted.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert tls("postgresql://h/d?sslmode=require") is None


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    with pytest.raises(WrongUrl, match="there is no file /nowhere"):
        asyncpg_dsn("postgresql://u:secret@h/d?sslmode=verify-full&sslrootcert=/nowhere.crt")
