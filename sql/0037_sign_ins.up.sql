-- The sessions that somebody ever had, for `GET /v1/me/export`: only a sign-in is in it.
CREATE INDEX facts_sign_ins ON facts ((body ->> 'user_id')) WHERE type = 'SignedIn';
