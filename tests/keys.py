"""The master key of the tests."""

from base64 import b64decode

from infrastructure.vault import MasterKeys, Vault

MASTER_KEY = "dGhlIG1hc3RlciBrZXkgb25seSBmb3IgdGVzdHMgMTI="


def vault() -> Vault:
    """A vault of its own, as each process has."""
    return Vault(MasterKeys(b64decode(MASTER_KEY)))
