"""Settings: production refuses to guess, development keeps its secret, and .env.example tells the truth."""

import re
import stat
from pathlib import Path

import pytest

from infrastructure.loading import load, load_for_tool
from infrastructure.setting_forms import key_bytes
from infrastructure.settings import SECRET_KEY_CHARACTERS_MIN, Mode, Settings, SettingsRefused
from tests.keys import MASTER_KEY

PROJECT = Path(__file__).parents[2]
ENOUGH = {
    "DATABASE_URL": "postgresql://db/daybook",
    "REDIS_URL": "redis://cache",
    "SECRET_KEY": "k" * SECRET_KEY_CHARACTERS_MIN,
    "MASTER_KEY": MASTER_KEY,
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAYBOOK_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.setitem(Settings.model_config, "env_file", None)


def test_production_refuses_to_start_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", ENOUGH["REDIS_URL"])
    with pytest.raises(SettingsRefused, match="DATABASE_URL, SECRET_KEY, MASTER_KEY must be set"):
        load()


def test_production_starts_when_everything_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    loaded = load()
    assert loaded.mode is Mode.PRODUCTION
    assert loaded.signing_key() == ENOUGH["SECRET_KEY"]


def test_webhook_secrets_are_made_in_development_and_named_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    made = load(development=True)
    assert made.webhook_secrets() == load(development=True).webhook_secrets()
    assert made.webhook_secrets()[0].startswith("whsec_")
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    assert load().webhook_secrets() == []
    new, old = "whsec_bmV3IGFuZCBmcmVzaCBhbmQgbG9uZyBlbm91Z2g=", "b2xkIGJ1dCBzdGlsbCBnb29kIGFuZCBsb25nIHRvbw=="
    monkeypatch.setenv("DAYBOOK_WEBHOOK_SECRET", f"{new}, {old}")
    assert load().webhook_secrets() == [new, old]
    for bad in ("whsec_c2hvcnQ=", "not base64!", f"{new},{new[:-9]}"):
        monkeypatch.setenv("DAYBOOK_WEBHOOK_SECRET", bad)
        with pytest.raises(SettingsRefused, match="DAYBOOK_WEBHOOK_SECRET") as refused:
            load()
        assert bad not in str(refused.value)


def test_the_gateway_sends_webhooks_to_where_the_shop_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(development=True).webhook_url() == "http://127.0.0.1:8000/v1/payments/webhooks/sandbox"
    monkeypatch.setenv("DAYBOOK_PUBLIC_URL", "https://shop.example")
    assert load(development=True).webhook_url() == "https://shop.example/v1/payments/webhooks/sandbox"


def test_a_short_secret_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENOUGH | {"SECRET_KEY": "hunter2"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused, match="SECRET_KEY") as refused:
        load()
    assert "hunter2" not in str(refused.value)


def test_a_wrong_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOOK_POOL_SIZE", "many")
    with pytest.raises(SettingsRefused, match="DAYBOOK_POOL_SIZE"):
        load(development=True)


def test_development_makes_its_secret_once_and_keeps_it_private() -> None:
    first = load(development=True)
    kept = first.data_dir / "secret_key"
    assert first.signing_key() == load(development=True).signing_key() == kept.read_text()
    assert len(first.signing_key()) >= SECRET_KEY_CHARACTERS_MIN
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_development_makes_its_sealing_key_once_and_keeps_it_private() -> None:
    first = load(development=True)
    seed, kept = first.sealing_seed(), first.data_dir / "sealing_key"
    assert seed == load(development=True).sealing_seed() == key_bytes(kept.read_text())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_text("no key")
    with pytest.raises(SettingsRefused, match="sealing_key: must be 32 bytes in base64"):
        first.sealing_seed()


def test_production_without_a_sealing_key_opens_and_does_not_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    assert load().sealing_seed() is None
    monkeypatch.setenv("SEALING_KEY", "c2VhbGluZyBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyE=")
    assert load().sealing_seed() == b"sealing key of thirty-two bytes!"


@pytest.mark.parametrize("name", ["SEALING_KEY", "DAYBOOK_RETIRED_SEALING_KEYS"])
def test_what_is_no_sealing_key_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for known, value in ENOUGH.items():
        monkeypatch.setenv(known, value)
    monkeypatch.setenv(name, "aHVudGVyMg==")
    with pytest.raises(SettingsRefused, match=f"{name}: must be 32 bytes") as refused:
        load()
    assert "aHVudGVyMg" not in str(refused.value)


def test_retired_sealing_keys_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    one, other = "A" * 43 + "=", "B" * 42 + "A="
    monkeypatch.setenv("DAYBOOK_RETIRED_SEALING_KEYS", f"{one}, {other},")
    assert load().retired_public_keys() == [key_bytes(one), key_bytes(other)]


def test_a_direct_url_goes_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://there/daybook")
    with pytest.raises(SettingsRefused, match="DATABASE_DIRECT_URL goes with DATABASE_URL"):
        load(development=True)
    for url, pooled in (("postgresql://there/daybook", False), ("postgresql://pooler/daybook", True)):
        monkeypatch.setenv("DATABASE_URL", url)
        assert load(development=True).pooled is pooled


def test_only_a_tool_follows_a_development_service() -> None:
    with pytest.raises(SettingsRefused):
        load_for_tool()
    load(development=True)
    assert load_for_tool().development
    with pytest.raises(SettingsRefused):
        load()


def test_the_example_lists_every_setting_and_nothing_else() -> None:
    example = (PROJECT / ".env.example").read_text()
    listed = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE))
    composed = set(re.findall(r"\$\{([A-Z_]+)", (PROJECT / "docker-compose.yml").read_text()))
    assert _variables() <= listed
    assert listed <= _variables() | composed


def test_the_containers_are_given_every_setting() -> None:
    """What is set in .env and does not reach the service would be ignored without a word."""
    named = set(re.findall(r"^ +([A-Z_]+):", (PROJECT / "docker-compose.yml").read_text(), re.MULTILINE))
    # The database is the one beside it, without a pooler; nothing is kept outside of it.
    assert _variables() - named == {"DATABASE_DIRECT_URL", "DAYBOOK_DATA_DIR"}
    assert {name for name in named if name.startswith("DAYBOOK_")} <= _variables()


def _variables() -> set[str]:
    own = {"database_url", "database_direct_url", "redis_url", "secret_key", "master_key", "sealing_key"}
    return {name.upper() if name in own else f"DAYBOOK_{name.upper()}" for name in Settings.model_fields}


def test_addresses_are_proved_before_signing_in_where_a_mail_server_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    assert load().unproven_may_sign_in
    monkeypatch.setenv("DAYBOOK_SMTP_URL", "smtp://mail.test")
    assert not load().unproven_may_sign_in
    assert load(development=True).unproven_may_sign_in
    monkeypatch.setenv("DAYBOOK_VERIFY_ADDRESSES", "false")
    assert load().unproven_may_sign_in
    monkeypatch.setenv("DAYBOOK_VERIFY_ADDRESSES", "true")
    assert not load(development=True).unproven_may_sign_in
