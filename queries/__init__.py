"""Questions asked of read tables: the answers as plain records, and the SQL that fetches them."""
