// The first shape of state.db and events.db; on Postgres both are one database, with one table of seals.
import { sql, type Transaction } from 'kysely'
import type { Recorded } from '../migrate.ts'
import { eventTable, sealTable } from './event-table.ts'
import type { Words } from './words.ts'

export async function firstState(db: Transaction<Recorded>, words: Words): Promise<void> {
  for (const statement of stateStatements(words)) await sql.raw(statement).execute(db)
  for (const statement of eventTable('audit_events', words)) await sql.raw(statement).execute(db)
  for (const statement of sealTable(words)) await sql.raw(statement).execute(db)
}

export async function firstEvents(db: Transaction<Recorded>, words: Words): Promise<void> {
  // What is added to transaction ids, see postgres-chain.ts.
  if (words.dialect === 'postgres')
    await sql`create table log_chain as select 0::bigint as xact_offset`.execute(db)
  for (const table of ['auth_events', 'workload_events'])
    for (const statement of eventTable(table, words)) await sql.raw(statement).execute(db)
  if (words.dialect === 'sqlite')
    for (const statement of sealTable(words)) await sql.raw(statement).execute(db)
}

const stateStatements = ({ int, end }: Words): string[] => [
  `create table head (id ${int} primary key check (id = 1), seq ${int} not null) ${end}`,
  `insert into head (id, seq) values (1, 0)`,
  `create table changes (
    seq ${int} not null, topic text not null, ref text not null, primary key (seq, topic, ref)
  ) ${end}`,
  `create table settings (
    key text primary key, value text not null, updated_at ${int} not null
  ) ${end}`,
  `create table gateway_secrets (
    name text primary key, sealed text not null, created_at ${int} not null
  ) ${end}`,
  `create table users (
    id text primary key, login text not null, login_key text not null unique, name text not null,
    role text not null check (role in ('admin', 'auditor', 'member')), password_hash text,
    created_at ${int} not null, last_sign_in_at ${int}, disabled_at ${int}
  ) ${end}`,
  `create table login_sessions (
    id_hash text primary key, user_id text not null references users (id),
    created_at ${int} not null, last_seen_at ${int} not null, expires_at ${int} not null,
    ip text, user_agent text, event_id text not null, ended_at ${int}
  ) ${end}`,
  `create index login_sessions_user on login_sessions (user_id)`,
  `create table setup_links (
    hash text primary key, created_at ${int} not null, expires_at ${int} not null, used_at ${int}
  ) ${end}`,
  `create table clients (
    id text primary key, kind text not null check (kind in ('dcr', 'cimd', 'static')),
    name text not null, metadata text not null, secret_sealed text, fingerprint text,
    trusted ${int} not null check (trusted in (0, 1)), created_at ${int} not null,
    created_ip text, last_used_at ${int}, revoked_at ${int}
  ) ${end}`,
  `create index clients_fingerprint on clients (fingerprint)`,
  `create table client_documents (
    url text primary key, body text not null, fetched_at ${int} not null,
    fresh_until ${int} not null
  ) ${end}`,
  `create table grants (
    id text primary key, user_id text not null references users (id), client_id text not null,
    client_name text not null, client_host text, resource text not null, scopes text not null,
    created_at ${int} not null, expires_at ${int}, ip text, user_agent text,
    first_used_at ${int}, last_used_at ${int}, last_ip text, calls ${int} not null default 0,
    event_id text not null, revoked_at ${int}, revoked_reason text
  ) ${end}`,
  `create index grants_user on grants (user_id)`,
  `create index grants_client on grants (client_id)`,
  `create table access_tokens (
    hash text primary key, grant_id text not null, resource text not null, scopes text not null,
    created_at ${int} not null, expires_at ${int} not null, revoked_at ${int},
    payload text not null
  ) ${end}`,
  `create index access_tokens_grant on access_tokens (grant_id)`,
  `create index access_tokens_expiry on access_tokens (expires_at)`,
  `create table api_keys (
    id text primary key, hash text not null unique, prefix text not null, name text not null,
    user_id text not null references users (id), scopes text not null, resource text,
    created_at ${int} not null, expires_at ${int}, first_used_at ${int}, last_used_at ${int},
    last_ip text, calls ${int} not null default 0, event_id text not null, revoked_at ${int}
  ) ${end}`,
  `create index api_keys_user on api_keys (user_id)`,
  `create table oidc_records (
    model text not null, id_hash text not null, payload text not null, grant_id text,
    uid_hash text, account_id text, client_id text, created_at ${int} not null,
    expires_at ${int}, consumed_at ${int}, retries ${int} not null default 0, parent_hash text,
    primary key (model, id_hash)
  ) ${end}`,
  `create index oidc_records_grant on oidc_records (grant_id)`,
  `create index oidc_records_uid on oidc_records (uid_hash)`,
  `create index oidc_records_expiry on oidc_records (expires_at)`,
  `create table servers (
    id text primary key, name text not null,
    kind text not null check (kind in ('stdio', 'http', 'sse', 'openapi', 'cli', 'builtin')),
    spec text not null, secret_sealed text,
    permit text not null check (permit in ('none', 'read-only', 'all')),
    people text not null check (people in ('everyone', 'listed')),
    owner text not null check (owner in ('admin', 'file', 'demo')),
    created_at ${int} not null, updated_at ${int} not null, removed_at ${int}
  ) ${end}`,
  `create unique index servers_name on servers (name) where removed_at is null`,
  `create table server_people (
    server_id text not null references servers (id), user_id text not null references users (id),
    primary key (server_id, user_id)
  ) ${end}`,
  `create table catalogs (
    server_id text primary key references servers (id), payload text not null,
    fetched_at ${int} not null
  ) ${end}`,
  `create table mcp_sessions (
    id_hash text primary key, owner text not null, user_id text not null, endpoint text not null,
    protocol_version text not null, client_info text not null, capabilities text not null,
    created_at ${int} not null, last_seen_at ${int} not null, ended_at ${int}
  ) ${end}`,
  `create index mcp_sessions_owner on mcp_sessions (owner)`,
  `create index mcp_sessions_seen on mcp_sessions (last_seen_at)`,
]
