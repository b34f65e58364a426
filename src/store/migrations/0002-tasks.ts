// Which client was given which task of a server.
import { sql, type Transaction } from 'kysely'
import type { Recorded } from '../migrate.ts'
import type { Words } from './words.ts'

export async function addTasks(db: Transaction<Recorded>, { int, end }: Words): Promise<void> {
  await sql
    .raw(
      `create table mcp_tasks (
        id_hash text primary key, owner text not null, created_at ${int} not null
      ) ${end}`,
    )
    .execute(db)
  await sql`create index mcp_tasks_owner on mcp_tasks (owner, created_at)`.execute(db)
  await sql`create index mcp_tasks_created on mcp_tasks (created_at)`.execute(db)
}
