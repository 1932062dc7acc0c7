"""The examples of the README and the docs are run as they stand there, by a shell, in a shop that has just begun."""

import asyncio
import re
import shlex
import sys
from pathlib import Path

from tests.e2e.service import own_data_dir, serving
from tests.e2e.test_service import SIGN_IN

ROOT = Path(__file__).parents[2]
DOCS = ("pricing", "payments", "orders", "invoices", "mail", "reports")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BEGIN = """set -euo pipefail
curl() { %(python)s -m tests.curl "$@"; }
python3() { %(python)s "$@"; }
API=%(api)s
"""


def examples(page: Path) -> str:
    """Those that ask the API; what is said of the command line is tested elsewhere."""
    blocks = [block for block in BLOCK.findall(page.read_text()) if "curl" in block]
    return "".join(line for line in "".join(blocks).splitlines(True) if not line.startswith((".venv/", "API=")))


async def test_the_examples_do_what_they_say(tmp_path: Path) -> None:
    readme = examples(ROOT / "README.md")
    with own_data_dir() as data_dir, serving("--dev", logs=tmp_path, DAYBOOK_DATA_DIR=str(data_dir)) as service:
        passwords = {role.upper(): password for role, _, password in SIGN_IN.findall(service.said)}
        begin = BEGIN % {"python": shlex.quote(sys.executable), "api": service.url}
        script = begin + re.sub(r"([A-Z]+)_PASSWORD=\.\.\.", lambda it: f"{it[0][:-3]}{passwords[it[1]]}", readme)
        ordering = [line for line in readme.splitlines(True) if "/v1/cart/lines" in line]
        ordering += re.findall(r"^ORDER=.*\\\n.*\n", readme, re.MULTILINE)
        assert len(ordering) == 2
        for name in DOCS:
            told = examples(ROOT / "docs" / f"{name}.md")
            assert told, f"{name} has no example"
            script += f"cd {ROOT}; echo; echo '# {name}' >&2\n" + "".join(ordering) + told
        script = script.replace("-o invoice.pdf", f"-o {tmp_path}/invoice.pdf")
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, complaints = await shell.communicate()
    assert shell.returncode == 0, complaints.decode()
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF")
