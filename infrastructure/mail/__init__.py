"""Mail to customers: what it says (`letters`), how it leaves the house (`post`), and when (`mailing`)."""
