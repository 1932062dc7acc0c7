"""`python -m benchmarks [NAME...] [--quick] [--database-url URL]`, or `--render` to write the page alone."""

import argparse
import sys

from benchmarks import run
from benchmarks.registry import BENCHMARKS

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and keep the figures.")
parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none named, all")
parser.add_argument("--quick", action="store_true", help="short runs, whose figures are not kept")
parser.add_argument("--database-url", help="a PostgreSQL to make databases on, instead of an embedded one")
parser.add_argument("--render", action="store_true", help="measure nothing; write docs/performance.md anew")
given = parser.parse_args()
if given.render:
    run.render()
else:
    sys.exit(run.main(given.names, quick=given.quick, database_url=given.database_url))
