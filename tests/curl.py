"""Stands in for curl in the examples of the docs: what is refused ends the script. Needs no program on the machine.

Examples are read one after the other, and by people; here nobody waits between them. So what is not there yet, or not
possible yet, is asked again for a while.
"""

import argparse
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PATIENCE_S = 60.0
NOT_YET = (404, 409)


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", "-g", action="store_true", dest="plain")
    parser.add_argument("-i", action="store_true", dest="with_headers")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data", action="append", default=[])
    parser.add_argument("-o", dest="out", type=Path)
    return parser.parse_args(arguments)


def main() -> None:
    asked, deadline = _asked(sys.argv[1:]), time.monotonic() + PATIENCE_S
    headers = dict(header.split(": ", 1) for header in asked.headers)
    body = "&".join(asked.data).encode() if asked.data else None
    request = urllib.request.Request(asked.url, body, headers, method=asked.method)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                said = answer.read()
                if asked.with_headers:
                    said = str(answer.headers).encode() + said
            break
        except urllib.error.HTTPError as refusal:
            if refusal.code not in NOT_YET or time.monotonic() > deadline:
                sys.exit(f"{asked.url} answers {refusal.code}: {refusal.read().decode()}")
            time.sleep(0.1)
    if asked.out:
        asked.out.write_bytes(said)
    else:
        sys.stdout.buffer.write(said)


if __name__ == "__main__":
    main()
