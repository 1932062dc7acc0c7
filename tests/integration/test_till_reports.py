"""The reports of the demo shop against sums over the rows of its till: what was sold, to whom, from what stock."""

from api.importing import fill_demo_shop
from commands.handler import Handler
from infrastructure.projector import Projector
from projections import PROJECTIONS
from tests.integration.tally import open_engine
from tests.till_reports import of_reports, of_till
from tests.till_totals import sold_in_sample


async def test_reports_say_what_the_till_says_to_the_cent(own_database_url: str) -> None:
    async with open_engine(own_database_url, ()) as engine:
        await fill_demo_shop(Handler(engine.store))
        worker = Projector(engine.pool, engine.store, engine.positions, PROJECTIONS, owner="one")
        await worker.catch_up()
        said, true = await of_reports(engine.pool), of_till(sold_in_sample())
    assert all(true.values()) and said.keys() == true.keys()
    for report, rows in true.items():
        assert said[report] == rows, report
