"""The pages that show the API: a browser gets all of it from the shop, and the shop tells it to ask nobody else."""

import re

import pytest

from tests.e2e.shop_client import PASSWORD, ShopClient

LOADED = re.compile(r'(?:src|href|url)="([^"]+)"')


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_all_that_a_page_loads_is_here(shop_client: ShopClient, page: str) -> None:
    guest = shop_client.guest()
    answer = await guest.request("GET", page)
    loaded = LOADED.findall(answer.text)
    assert len(loaded) >= 3
    for relative in loaded:
        assert not re.match(r"/|\w+:", relative), "below whatever path the shop is reached at"
        part = await guest.request("GET", f"/{relative}")
        assert part.status_code == 200, relative
        assert len(part.content) > 50, relative


async def test_the_script_that_starts_names_the_document(shop_client: ShopClient) -> None:
    answer = await shop_client.guest().request("GET", "/docs/start.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert '"openapi.json"' in answer.text


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_the_browser_is_told_to_run_only_what_the_shop_sends(shop_client: ShopClient, page: str) -> None:
    answer = await shop_client.guest().request("GET", page)
    assert not re.search(r"<script(?! src=)|\son\w+=", answer.text), "no script in the page itself"
    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"


async def test_parts_are_looked_for_among_themselves_and_not_sent_twice(shop_client: ShopClient) -> None:
    guest = shop_client.guest()
    for missing in ("nothing.js", "..%2F__init__.py", "%2Fetc%2Fpasswd"):
        assert (await guest.request("GET", f"/docs/{missing}")).status_code == 404, missing
    first = await guest.request("GET", "/docs/favicon.png")
    again = await guest.request("GET", "/docs/favicon.png", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_people_sign_in_on_the_page_as_oauth2_clients_do(shop_client: ShopClient) -> None:
    """It sends the name and password of a client as well, though there are none."""
    ann, client = await shop_client.sign_up(), {"Authorization": "Basic Og=="}
    form = {"grant_type": "password", "username": ann.email, "password": PASSWORD}
    answer = await shop_client.http.post("/v1/auth/login", data=form, headers=client)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "bearer")
    assert (await shop_client.http.get("/v1/me", headers=client)).status_code == 401
