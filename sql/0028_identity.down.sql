ALTER TABLE user_account DROP verified, DROP suspended;
DROP TABLE mail_requests, mailed_tokens, signing_keys, sessions;
