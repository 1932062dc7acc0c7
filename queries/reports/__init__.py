"""Reports: sums over entries that say when a thing happened and at which position of the book it was learned of.

Business time (`occurred_at`) decides the period. Entries beyond the position asked for are left out, and no entry ever
changes, so the same question as of the same position has the same answer for ever. See docs/reports.md.
"""
