-- Idempotency keys are kept for some weeks and then forgotten, the oldest first. New ones come at the right end.
CREATE INDEX idempotency_keys_recorded_at ON idempotency_keys (recorded_at);
