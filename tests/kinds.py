"""Which kinds of server a test needs."""

import pytest

EMBEDDED_ALONE = pytest.mark.parametrize("servers", ["embedded"], indirect=True, scope="session")
"""For what cannot depend on the kind, or is asked of both by others already: once is enough."""
