"""The second floor: the only home of databases, caches, codecs, gateways and the servers Daybook brings along."""
