#!/bin/sh
# Runs once, in the database's container, when its volume is new (compose.yaml): the role that the application signs in
# as. The tables belong to shanji_owner, who migrates; "shanji" can neither alter nor empty one.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE shanji LOGIN PASSWORD :'password';
CREATE ROLE shanji_owner NOLOGIN NOSUPERUSER;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO shanji_owner;
GRANT USAGE ON SCHEMA public TO shanji;
SQL
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$(cat /run/secrets/database_owner_password)" <<'SQL'
ALTER ROLE shanji_owner LOGIN PASSWORD :'password';
ALTER DATABASE shanji OWNER TO shanji_owner;
CREATE EXTENSION IF NOT EXISTS btree_gist;
SQL
