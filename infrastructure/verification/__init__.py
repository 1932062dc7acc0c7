"""Recomputes what the seals say from the facts themselves, and names what does not agree."""

from infrastructure.verification.book import Report, verify
from infrastructure.verification.ends import KeptSeal
from infrastructure.verification.findings import Finding, Kind

__all__ = ["Finding", "KeptSeal", "Kind", "Report", "verify"]
