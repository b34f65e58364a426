// An append-only event table, and the table of seals over all of them. Frozen together with 0001-first.ts.
import type { Words } from './words.ts'

export function eventTable(table: string, words: Words): string[] {
  const { int, counter, end, dialect } = words
  const chain =
    dialect === 'postgres'
      ? 'chain bigint not null default pg_current_xact_id()::text::bigint,'
      : ''
  const statements = [
    `create table ${table} (
      seq ${counter}, ${chain}
      id text not null, at ${int} not null, code text not null, severity text not null,
      outcome text, reason text, context_id text, connection_id text, session_id text,
      grant_id text, parent_id text, actor_type text, actor_id text, actor_name text,
      user_id text, client_id text, client_name text, ip text, user_agent text,
      server_id text, server_name text, target_type text, target_id text, target_name text,
      method text, tool text, era text, call_id text, phase text, duration_us ${int},
      bytes_in ${int}, bytes_out ${int}, args_digest text, detail text
    ) ${end}`,
  ]
  // Chain order on Postgres: the transaction that finished its work, then the row. The sealer reads along this index.
  if (dialect === 'postgres')
    statements.push(`create index ${table}_chain on ${table} (chain, seq)`)
  return [...statements, ...appendOnly(table, words)]
}

export function sealTable(words: Words): string[] {
  const { int, end } = words
  return [
    `create table seals (
      stream text not null, n ${int} not null, first_seq ${int} not null,
      last_seq ${int} not null, count ${int} not null, position text not null,
      row_hashes text not null, prev_hash text not null, hash text not null,
      signature text not null, key_id text not null, sealed_at ${int} not null,
      primary key (stream, n)
    ) ${end}`,
    ...appendOnly('seals', words),
  ]
}

function appendOnly(table: string, { dialect }: Words): string[] {
  const refusal = `${table} is append-only`
  if (dialect === 'sqlite')
    return ['update', 'delete'].map(
      (verb) => `create trigger ${table}_no_${verb} before ${verb} on ${table}
        begin select raise(abort, '${refusal}'); end`,
    )
  return [
    `create function ${table}_refuse() returns trigger language plpgsql
      as $$ begin raise exception '${refusal}'; end $$`,
    `create trigger ${table}_append_only before update or delete or truncate on ${table}
      for each statement execute function ${table}_refuse()`,
  ]
}
