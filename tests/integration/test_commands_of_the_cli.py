"""The command line on a real shop: the story of the demo, and what the other commands then say about it."""

import csv
import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from api.cli.opening import in_shop
from api.cli.outcome import ExitCode
from api.cli.story import told
from api.wiring import Shop
from commands.policy import POLICIES
from infrastructure.settings import Settings
from tests.e2e.shop_client import settings_for
from tests.kinds import EMBEDDED_ALONE
from tests.tool import environment, said, tell

pytestmark = EMBEDDED_ALONE
Tool = Callable[..., str]


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(database_url, redis_url, key_prefix, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def order_id(settings: Settings) -> str:
    """The order of the demo's story; the demo shop is around it."""
    return in_shop(told, settings, workers=True)


@pytest.fixture
def tool(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Calls a command as somebody on the service's machine would; gives what it says on standard output."""
    assert settings.database_url is not None and settings.redis_url is not None
    urls = (settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    tell(monkeypatch, environment(*urls, settings.data_dir, DAYBOOK_KEY_PREFIX=settings.key_prefix))
    return partial(said, capsys)


def _rows(table: str) -> list[dict[str, str]]:
    """A table as it comes in a pipe."""
    names, *rows = (line.split("\t") for line in table.splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_the_story_is_told_and_ends_with_the_orders_life(
    order_id: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    again = in_shop(told, settings, workers=True)
    assert again != order_id
    said = capsys.readouterr().out
    assert "She tries to order 100,000: Not enough in stock" in said
    assert f"She orders 2: {again}" in said
    assert "status: SHIPPED → COMPLETED" in said


def test_replay_says_who_did_what_and_why_and_what_it_changed(order_id: str, tool: Tool) -> None:
    said = tool("replay", "order", order_id)
    headlines = [line.split()[1] for line in said.splitlines() if line[:3].strip()]
    lifelong = ["OrderPlaced", "PaymentRequested", "PaymentCaptured", "OrderPaid", "OrderInvoiced"]
    assert headlines == [*lifelong, "OrderShipped", "OrderCompleted"]
    assert "system:fulfilment by RecordCapture, because of step 2" in said
    assert "status: PENDING → PAID" in said
    assert "line: 2 x " in said


def test_replay_stops_at_a_version_or_at_what_was_known_then(order_id: str, tool: Tool) -> None:
    whole: dict[str, Any] = json.loads(tool("replay", "order", order_id, "--json"))
    third = whole["data"][2]
    by_version = json.loads(tool("replay", "order", order_id, "--version", "3", "--json"))
    assert by_version["data"] == whole["data"][:3]
    assert (by_version["order"]["status"], by_version["order"]["payment"]) == ("PENDING", "CAPTURED")
    # Capture, payment and invoice are one transaction: they have one time, and a position each.
    assert len(json.loads(tool("replay", "order", order_id, "--as-of", third["recorded_at"], "--json"))["data"]) == 5
    assert len(json.loads(tool("replay", "order", order_id, "--as-of", str(third["position"]), "--json"))["data"]) == 3
    assert tool("replay", "order", order_id, "--as-of", "1", code=ExitCode.REFUSED) == ""
    assert tool("replay", "order", "ord_unknown", code=ExitCode.REFUSED) == ""


def test_replay_tells_what_differs_between_two_versions(order_id: str, tool: Tool) -> None:
    said = tool("replay", "order", order_id, "--diff", "5..6")
    assert "status: PAID → SHIPPED" in said
    assert "OrderShipped" in said
    assert "OrderPaid" not in said
    whole = json.loads(tool("replay", "order", order_id, "--diff", "..", "--json"))["data"]
    status = next(each for each in whole if each["field"] == "status")
    assert (status["before"], status["after"], len(status["by"])) == (None, "COMPLETED", 4)
    for wrong in ("5..4", "1..99", "soon.."):
        assert tool("replay", "order", order_id, "--diff", wrong, code=ExitCode.USAGE) == ""


def test_the_tail_of_the_book_may_begin_anywhere_and_hold_one_type_only(order_id: str, tool: Tool) -> None:
    everything = [json.loads(line) for line in tool("events", "tail", "--after", "0", "--json").splitlines()]
    assert [event["position"] for event in everything] == list(range(1, len(everything) + 1))
    newest = [json.loads(line) for line in tool("events", "tail", "--json").splitlines()]
    assert newest == everything[-20:]
    first = [json.loads(line) for line in tool("events", "tail", "--after", "3", "--limit", "2", "--json").splitlines()]
    assert [fact["position"] for fact in first] == [4, 5]
    assert len(tool("events", "tail", "--limit", "7").splitlines()) == 7
    last = [json.loads(line) for line in tool("events", "tail", "--limit", "600", "--json").splitlines()]
    assert last == everything[-600:]
    paid = [json.loads(line) for line in tool("events", "tail", "--type", "OrderPaid", "--json").splitlines()]
    assert paid == [event for event in everything if event["type"] == "OrderPaid"][-20:]
    assert order_id in tool("events", "tail", "--type", "OrderPaid")
    tool("events", "tail", "--after", "1000000", code=ExitCode.REFUSED)  # it would wait there, and pass over what comes


def test_projections_and_migrations_say_where_they_are(order_id: str, tool: Tool) -> None:
    states = _rows(tool("projections", "status"))
    assert {state["behind"] for state in states if state["projection"] not in POLICIES} == {"0"}
    assert [state["name"] for state in json.loads(tool("projections", "status", "--json"))["data"]] == [
        state["projection"] for state in states
    ]
    status = json.loads(tool("migrate", "status", "--json"))
    assert status["up_to_date"] and status["database"] == status["build"]
    assert tool("migrate") == f"The database is at revision {status['build']}.\n"
    for command in (["migrate"], ["migrate", "up"]):
        told = json.loads(tool(*command, "--json"))
        assert (told["before"], told["database"]) == (status["build"], status["build"])


def test_a_table_of_older_code_is_named_until_it_is_rebuilt(order_id: str, tool: Tool, settings: Settings) -> None:
    def told() -> dict[str, str]:
        return {state["projection"]: state["error"] for state in _rows(tool("projections", "status"))}

    async def older(shop: Shop) -> None:
        await shop.pool.execute("UPDATE projections SET source = 'other' WHERE name = 'sale'")

    in_shop(older, settings)
    tool("migrate", "status")  # takes along what was logged
    assert told()["sale"] == "folded by older code: rebuild"
    assert told()["sale_line"] != told()["sale"]
    assert "began anew" not in tool("projections", "rebuild", "sale")
    assert told()["sale"] == told()["sale_line"]


def test_a_rebuild_tells_what_was_wrong_and_what_is_right(order_id: str, tool: Tool, settings: Settings) -> None:
    async def spoilt(shop: Shop) -> int:
        [row] = await shop.pool.returning(
            """UPDATE stock_level SET on_hand = on_hand + 1
                WHERE sku = (SELECT min(sku) FROM stock_level) RETURNING on_hand"""
        )
        return int(row["on_hand"])

    wrong = in_shop(spoilt, settings)
    said = tool("projections", "rebuild", "stock_level", "--diff")
    assert f"on_hand {wrong} → {wrong - 1}\n" in said and "1 rows were different." in said
    again = json.loads(tool("projections", "rebuild", "stock_level", "--diff", "--json"))
    assert (again["name"], again["different"], again["examples"]) == ("stock_level", 0, [])
    assert json.loads(tool("projections", "rollback", "stock_level", "--json"))["rolled_back"]


def test_reconciliation_agrees_until_something_is_amiss(
    order_id: str, settings: Settings, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tool("report", "reconciliation", "--grace-s", "0") == "Everything agrees.\n"  # the book with itself
    assert settings.gateway_url is not None and settings.gateway_key is not None
    monkeypatch.setenv("DAYBOOK_GATEWAY_URL", settings.gateway_url)
    monkeypatch.setenv("DAYBOOK_GATEWAY_KEY", settings.gateway_key.get_secret_value())
    assert json.loads(tool("report", "reconciliation", "--grace-s", "0", "--json")) == {"data": []}
    monkeypatch.setenv("DAYBOOK_GATEWAY_KEY", "somebody else's account")
    amiss = tool("report", "reconciliation", "--grace-s", "0", code=ExitCode.REFUSED)
    assert ("gateway_differs", order_id) in {(row["kind"], row["order_id"]) for row in _rows(amiss)}
    in_a_day = ("report", "reconciliation", "--grace-s", "86400")
    assert tool(*in_a_day) == "Everything agrees.\n", "what has just moved may be under way"
    monkeypatch.setenv("DAYBOOK_GATEWAY_URL", "http://127.0.0.1:9")
    tool("report", "reconciliation", code=ExitCode.UNAVAILABLE)


def test_reports_split_by_anything_add_up_to_the_summary(order_id: str, tool: Tool) -> None:
    summary = json.loads(tool("report", "summary", "--json"))
    assert summary["orders"] == len(tool("events", "tail", "--after", "0", "--type", "OrderPaid").splitlines())
    for by in ([], ["--by", "department"], ["--by", "category"], ["--by", "product"]):
        for period in ("day", "week", "month"):
            rows = json.loads(tool("report", "sales", "--group-by", period, *by, "--json"))["data"]
            shipping = summary["shipping"]["amount"] if by else 0
            assert sum(row["revenue"]["amount"] for row in rows) + shipping == summary["revenue"]["amount"]
    week = _rows(tool("report", "sales", "--group-by", "week", "--from", "2017-05-01", "--to", "2017-05-07"))
    assert [row["period"] for row in week] == ["2017-W18"]
    assert [row["figure"] for row in _rows(tool("report", "summary"))][:3] == ["orders", "placed orders", "customers"]


def test_a_report_as_of_then_says_what_was_known_then(order_id: str, tool: Tool) -> None:
    facts = [json.loads(line) for line in tool("events", "tail", "--after", "0", "--json").splitlines()]
    paid = [fact for fact in facts if fact["type"] == "OrderPaid"]
    assert len(paid) > 1
    for asked in (str(paid[0]["position"]), paid[0]["recorded_at"]):
        then = json.loads(tool("report", "summary", "--as-of", asked, "--json"))
        at_that_time = [fact for fact in paid if fact["recorded_at"] <= paid[0]["recorded_at"]]
        assert then["orders"] == (1 if asked.isdigit() else len(at_that_time))
        sold = json.loads(tool("report", "sales", "--as-of", asked, "--json"))
        assert sum(row["orders"] for row in sold["data"]) == then["orders"] and sold["as_of"] == then["as_of"]
    assert json.loads(tool("report", "summary", "--as-of", str(paid[0]["position"] - 1), "--json"))["orders"] == 0
    tool("report", "sales", "--as-of", str(facts[-1]["position"] + 1_000), code=ExitCode.USAGE)
    tool("report", "sales", "--as-of", "9000-01-01T00:00:00Z", code=ExitCode.USAGE)
    tool("report", "sales", "--as-of", "2017-05-01", code=ExitCode.USAGE)


@pytest.mark.parametrize(
    "report",
    [
        *("summary", "products", "categories", "customers", "customers --by customer", "inventory", "funnel"),
        *(
            "abandoned-carts",
            "products --group-by month",
            "inventory --group-by week",
            "abandoned-carts --group-by day",
        ),
    ],
)
def test_every_report_says_the_same_in_each_form(order_id: str, tool: Tool, report: str) -> None:
    asked = ("report", *report.split(), "--to", "2999-12-31")
    said = json.loads(tool(*asked, "--json"))
    rows = said.get("data", [said])
    read = list(csv.DictReader(io.StringIO(tool(*asked, "--format", "csv"), newline="")))
    shown = _rows(tool(*asked))
    assert len(read) == len(rows) and (rows or report.startswith("abandoned"))
    assert len(shown) == (len(rows) if report != "summary" else len(said) - 1)
    for line, row in zip(read, rows, strict=True):
        amounts = {name: value["amount"] for name, value in row.items() if isinstance(value, dict)}
        assert amounts == {name: int(line[f"{name}_minor"]) for name in amounts}
        counts = [name for name, value in row.items() if type(value) is int and name != "as_of"]
        assert [row[name] for name in counts] == [int(line[name]) for name in counts]
    assert json.loads(tool(*asked, "--as-of", str(said["as_of"]), "--json")) == said


def test_a_report_comes_as_csv_too(order_id: str, tool: Tool) -> None:
    asked = ("report", "sales", "--group-by", "week", "--by", "department")
    rows, sheet = json.loads(tool(*asked, "--json"))["data"], tool(*asked, "--format", "csv")
    read = list(csv.DictReader(io.StringIO(sheet, newline="")))
    assert sheet.count("\r\n") == sheet.count("\n") == len(rows) + 1
    assert [(row["period"], row["department"], int(row["revenue_minor"])) for row in read] == [
        (row["period"], row["department"], row["revenue"]["amount"]) for row in rows
    ]
    [summary] = csv.DictReader(io.StringIO(tool("report", "summary", "--format", "csv"), newline=""))
    assert int(summary["orders"]) == json.loads(tool("report", "summary", "--json"))["orders"]
    tool(*asked, "--json", "--format", "csv", code=ExitCode.USAGE)
