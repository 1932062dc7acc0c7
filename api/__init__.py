"""Every way in: REST routers for commands and queries, the CLI, and the wiring that joins the parts."""
