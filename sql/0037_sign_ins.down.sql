DROP INDEX facts_sign_ins;
