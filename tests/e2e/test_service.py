"""The service as its operator meets it: how it starts, what it says, and that stopping it loses nothing."""

import asyncio
import contextlib
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.service import Service, own_data_dir, serving
from tests.waiting import PATIENCE_S, eventually

SIGN_IN = re.compile(r"^\s+(admin|staff|customer)\s+(\S+@example\.com)\s+(\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """The tests of this module start their services over one shop: only the first of them finds it empty."""
    with own_data_dir() as data_dir:
        yield data_dir


def _in_development(data_dir: Path, logs: Path, *arguments: str) -> contextlib.AbstractContextManager[Service]:
    return serving("--dev", *arguments, logs=logs, DAYBOOK_DATA_DIR=str(data_dir))


async def test_the_first_start_fills_the_shop_and_says_what_to_open(data_dir: Path, tmp_path: Path) -> None:
    with _in_development(data_dir, tmp_path) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE_S) as http:
            for path in ("/health/live", "/health/ready", "/docs", "/redoc", "/openapi.json"):
                assert (await http.get(path)).status_code == 200, path
            assert f"{service.url}/docs" in service.said
            assert f"curl -s '{service.url}/v1/products?limit=3'" in service.said
            assert len((await http.get("/v1/products?limit=3")).json()["data"]) == 3
            users = SIGN_IN.findall(service.said)
            assert [role for role, _, _ in users] == ["admin", "staff", "customer"]
            for _, email, password in users:
                answer = await http.post("/v1/auth/login", data={"username": email, "password": password})
                assert answer.status_code == 200
        assert stat.S_IMODE((data_dir / "demo_users.json").stat().st_mode) == 0o600
        assert service.stop() == 0


async def test_a_second_start_says_the_same_users_and_takes_the_next_port_when_its_own_is_taken(
    data_dir: Path, tmp_path: Path
) -> None:
    with (
        _in_development(data_dir, tmp_path) as first,
        _in_development(data_dir, tmp_path, "--port", first.url.rpartition(":")[2]) as second,
    ):
        assert "is in use: listening on" in second.said
        assert first.url != second.url
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            heads = [(await http.get(f"{service.url}/health/ready")).json()["head"] for service in (first, second)]
        assert heads[0] == heads[1]
        assert SIGN_IN.findall(first.said) == SIGN_IN.findall(second.said) != []


async def test_a_service_that_is_asked_to_stop_answers_what_is_under_way(data_dir: Path, tmp_path: Path) -> None:
    """Passwords are hashed two at a time, a quarter of a second each: most of these are still waiting at the signal."""
    people = [{"email": f"{secrets.token_hex(6)}@example.com", "password": "correct horse 9"} for _ in range(8)]
    with _in_development(data_dir, tmp_path) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE_S) as http:
            under_way = [asyncio.create_task(http.post("/v1/auth/register", json=person)) for person in people]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            assert not all(request.done() for request in under_way)
            stopping = asyncio.create_task(asyncio.to_thread(service.stop))
            answers = await asyncio.gather(*under_way)
            assert [answer.status_code for answer in answers] == [201] * len(people)
            assert await stopping == 0
    with _in_development(data_dir, tmp_path) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE_S) as http:
            form = {"username": people[-1]["email"], "password": people[-1]["password"]}
            assert (await http.post("/v1/auth/login", data=form)).status_code == 200


async def test_processes_on_one_port_are_replaced_when_they_die_and_stop_with_their_supervisor(
    data_dir: Path, tmp_path: Path
) -> None:
    with _in_development(data_dir, tmp_path, "--processes", "2") as service:
        supervisor = psutil.Process(service.process.pid)
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE_S) as http:
            assert (await http.get("/health/ready")).status_code == 200
            first = supervisor.children()
            assert len(first) == 2
            first[0].kill()
            await eventually(lambda: _are(2, lambda: [child for child in supervisor.children() if child != first[0]]))
            assert (await http.get("/health/ready")).status_code == 200
        assert service.stop() == 0
        assert not any(child.is_running() for child in first)
    with _in_development(data_dir, tmp_path, "--processes", "2") as service:
        children = psutil.Process(service.process.pid).children()
        service.kill()
        await eventually(lambda: _are(0, lambda: [child for child in children if child.is_running()]))


async def _are(number: int, processes: Callable[[], Sequence[psutil.Process]]) -> bool:
    return len(processes()) == number
