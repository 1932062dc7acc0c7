"""Seals and proofs over HTTP, and the lines of the documentation with which anyone can check them."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, ShopClient, settings_for
from tests.waiting import eventually

PAGE = Path(__file__).parents[2] / "docs" / "verifying-a-fact.md"


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """With a key, and little patience."""
    plain = settings_for(database_url, redis_url, key_prefix, tmp_path_factory.mktemp("data"))
    key = SecretStr("c2VhbGluZyBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyE=")
    return plain.model_copy(update={"sealing_key": key, "seal_within_seconds": 0.05})


async def sealed_shop(shop_client: ShopClient) -> Caller:
    """An admin of a shop where something has happened and all of it is sealed."""
    admin = await shop_client.admin()
    await shop_client.product()
    head = await shop_client.shop.store.head()

    async def sealed() -> bool:
        newest = (await admin.get("/v1/audit/seals", limit=1)).json()["data"]
        return any(seal["last_position"] >= head for seal in newest)

    await eventually(sealed)
    return admin


async def public_key(caller: Caller) -> str:
    (key,) = (await caller.get("/v1/audit/keys")).json()["data"]
    assert (key["algorithm"], key["retired"]) == ("Ed25519", False)
    return str(key["public_key"])


def checked(tmp_path: Path, proof: Any, key: str) -> subprocess.CompletedProcess[str]:
    """By the lines in the documentation, run as they stand there, far away from our code."""
    (lines,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "verify_fact.py").write_text(lines)
    (tmp_path / "proof.json").write_text(json.dumps(proof))
    command = [sys.executable, "-I", "verify_fact.py", "proof.json", key]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


async def test_a_third_party_sees_that_a_fact_is_in_the_book(shop_client: ShopClient, tmp_path: Path) -> None:
    admin = await sealed_shop(shop_client)
    key = await public_key(shop_client.guest())
    head = await shop_client.shop.store.head()
    for position in (1, head):
        proof = (await admin.get(f"/v1/audit/proof/{position}")).json()
        done = checked(tmp_path, proof, key)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"The fact at position {position} is in seal {proof['seal']['number']}" in done.stdout


@pytest.mark.parametrize("part", ["position", "stream", "version", "occurred_at", "metadata", "body"])
async def test_a_third_party_sees_that_a_fact_was_changed(shop_client: ShopClient, tmp_path: Path, part: str) -> None:
    admin = await sealed_shop(shop_client)
    proof = (await admin.get("/v1/audit/proof/2")).json()
    proof["fact"][part] = 3 if isinstance(proof["fact"][part], int) else proof["fact"][part] + " "
    done = checked(tmp_path, proof, await public_key(admin))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "This fact is not in this seal.\n")


async def test_a_third_party_sees_that_a_seal_was_changed(shop_client: ShopClient, tmp_path: Path) -> None:
    admin = await sealed_shop(shop_client)
    key = await public_key(admin)
    proof = (await admin.get("/v1/audit/proof/2")).json()
    forged = {**proof, "seal": {**proof["seal"], "sealed_at": "2020-01-01T00:00:00.000000Z"}}
    for wrong_proof, wrong_key in ((forged, key), (proof, "A" * 43 + "=")):
        done = checked(tmp_path, wrong_proof, wrong_key)
        assert done.returncode == 1
        assert "InvalidSignature" in done.stderr


async def test_a_proof_shows_the_very_fact_of_the_feed(shop_client: ShopClient) -> None:
    admin = await sealed_shop(shop_client)
    fact = (await admin.get("/v1/audit/proof/2")).json()["fact"]
    (event,) = (await admin.get("/v1/events", after=1, limit=1)).json()["data"]
    assert json.loads(fact["body"]) == event["data"]
    assert [fact[name] for name in ("position", "id", "stream", "version", "type")] == [
        event[name] for name in ("position", "id", "stream", "version", "type")
    ]


async def test_seals_follow_on_each_other_page_by_page(shop_client: ShopClient) -> None:
    admin = await sealed_shop(shop_client)
    await sealed_shop(shop_client)
    answer = (await admin.get("/v1/audit/seals", limit=1)).json()
    seals = answer["data"]
    while answer["page"]["has_more"]:
        answer = (await admin.get("/v1/audit/seals", limit=1, cursor=answer["page"]["next_cursor"])).json()
        seals += answer["data"]
    assert len(seals) > 1
    assert [seal["number"] for seal in seals] == list(range(len(seals), 0, -1))
    for later, earlier in pairwise(seals):
        assert (later["previous"], later["first_position"]) == (earlier["hash"], earlier["last_position"] + 1)


async def test_the_book_is_verified_as_far_as_one_request_goes(shop_client: ShopClient) -> None:
    admin = await sealed_shop(shop_client)
    whole = (await admin.get("/v1/audit/verify")).json()
    assert (whole["sound"], whole["findings"], whole["unsealed"], whole["next_from"]) == (True, [], 0, None)
    assert (whole["first"], whole["last"], whole["facts"]) == (1, whole["head"], whole["head"])
    seal = (await admin.get("/v1/audit/seals", limit=1)).json()["data"][0]
    assert whole["newest_seal"] == {"number": seal["number"], "hash": seal["hash"]}
    part = (await admin.get("/v1/audit/verify", to=2)).json()
    assert (part["sound"], part["next_from"]) == (True, None)
    assert part["first"] <= 2 <= part["last"] < whole["last"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/audit/proof/4611686018427387904", 404, "not_found"),
        ("/v1/audit/proof/0", 422, "validation_failed"),
        ("/v1/audit/proof/one", 422, "validation_failed"),
        ("/v1/audit/verify?from=3&to=2", 422, "validation_failed"),
        ("/v1/audit/verify?from=0", 422, "validation_failed"),
        ("/v1/audit/verify?from=4611686018427387904", 422, "validation_failed"),
        ("/v1/audit/verify?until=2", 422, "validation_failed"),
        ("/v1/audit/seals?cursor=x", 400, "invalid_cursor"),
    ],
)
async def test_what_makes_no_sense_is_refused(shop_client: ShopClient, path: str, status: int, code: str) -> None:
    admin = await sealed_shop(shop_client)
    answer = await admin.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_fact_without_a_seal_has_no_proof_yet(shop_client: ShopClient) -> None:
    admin = await sealed_shop(shop_client)
    held_up = "SELECT FROM projections WHERE name = 'seal' FOR UPDATE"
    async with shop_client.shop.pool.acquire() as connection, connection.transaction():
        await connection.execute(held_up)
        await shop_client.product()
        answer = await admin.get(f"/v1/audit/proof/{await shop_client.shop.store.head()}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_sealed")


@pytest.mark.parametrize("path", ["seals", "verify", "proof/1"])
async def test_only_admins_look_into_the_book(shop_client: ShopClient, path: str) -> None:
    assert (await shop_client.guest().get(f"/v1/audit/{path}")).status_code == 401
    assert (await (await shop_client.staff()).get(f"/v1/audit/{path}")).status_code == 403
