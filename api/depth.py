"""How deeply a JSON body may be nested: told from its brackets, before anything is made of it."""

import re

from api.problems import Problem

DEPTH_MAX = 64
"""What clients have reason to send is five levels deep."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_ALIKE = bytes.maketrans(b"{}", b"[]")
_TOO_DEEP = b"[" * (DEPTH_MAX + 1)
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def check_depth(content: bytes) -> None:
    """Costs next to nothing for what has few brackets, and little for the rest. Raises Problem 400."""
    if content.count(b"[") + content.count(b"{") <= DEPTH_MAX:
        return
    brackets = _STRING.sub(b"", content).translate(_ALIKE, _OTHERS)
    for _ in range(DEPTH_MAX):
        if _TOO_DEEP in brackets:
            break
        before, brackets = len(brackets), brackets.replace(b"[]", b"")  # the innermost level goes
        if len(brackets) == before:  # what is left does not match, which the parser says
            return
    if brackets:
        raise Problem(400, "nested_too_deeply", f"The body is nested more than {DEPTH_MAX} levels deep.")
