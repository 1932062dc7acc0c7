"""Figures that can be had again: each is measured beside a peer or a limit, in the same run on the same server."""
