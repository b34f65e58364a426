// Whose task is whose (2025-11-25 Tasks; extension io.modelcontextprotocol/tasks): on a link that several people share a
// server cannot tell them apart, so an id is good only for the client that was given it. A row, as tasks outlive restarts.
import type { Principal } from '../grants/principal.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import { days } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import type { Link } from '../servers/link.ts'
import type { Server } from '../servers/server.ts'
import { metaOf } from './classify-era.ts'
import type { Call } from './gateway.ts'
import { isObject } from './message.ts'

export interface Tasks {
  /** The client has been given the task; from now on it may ask for it. */
  note(principal: Principal, server: Server, taskId: string): Promise<void>
  areOf(principal: Principal, server: Server, taskIds: readonly string[]): Promise<boolean>
  sweep(): Promise<void>
}

const KEPT_MS = days(7)
/** Of one client; one more forgets the oldest. */
const MOST_TASKS = 1000
const MOST_ASKED = 100

export function createTasks({ store, clock }: Core, most = MOST_TASKS): Tasks {
  const hashOf = (owner: string, server: Server, taskId: string) =>
    tokenHash(`${server.id} ${owner} ${taskId}`)
  return {
    async note(principal, server, taskId) {
      const owner = ownerOf(principal)
      const row = { id_hash: hashOf(owner, server, taskId), owner, created_at: clock.now() }
      await store.transaction(async ({ db }) => {
        await db
          .insertInto('mcp_tasks')
          .values(row)
          .onConflict((conflict) => conflict.column('id_hash').doNothing())
          .execute()
        const tooMany = db
          .selectFrom('mcp_tasks')
          .select('created_at')
          .where('owner', '=', owner)
          .orderBy('created_at', 'desc')
          .offset(most)
          .limit(1)
        await db
          .deleteFrom('mcp_tasks')
          .where('owner', '=', owner)
          .where('created_at', '<', tooMany)
          .execute()
      })
    },
    async areOf(principal, server, taskIds) {
      if (taskIds.length > MOST_ASKED) return false
      const owner = ownerOf(principal)
      const hashes = [...new Set(taskIds)].map((taskId) => hashOf(owner, server, taskId))
      if (hashes.length === 0) return true
      const rows = await store.db
        .selectFrom('mcp_tasks')
        .select('id_hash')
        .where('id_hash', 'in', hashes)
        .execute()
      return rows.length === hashes.length
    },
    async sweep() {
      await store.transaction(({ db }) =>
        db
          .deleteFrom('mcp_tasks')
          .where('created_at', '<', clock.now() - KEPT_MS)
          .execute(),
      )
    },
  }
}

/** A client keeps its tasks when the person signs in anew. */
const ownerOf = ({ id, user, client }: Principal) => (client ? `${user.id} ${client.id}` : id)

const EXTENSION = 'io.modelcontextprotocol/tasks'

/** Whether the answer may be a task instead of a result: only then does it have to be read. */
export function mayMakeTask({ era, message }: Call, { hello }: Link): boolean {
  if (message.method !== 'tools/call') return false
  if (era === 'session') return message.params.task !== undefined
  return (
    declares(hello.capabilities) &&
    declares(metaOf(message)?.['io.modelcontextprotocol/clientCapabilities'])
  )
}

const declares = (capabilities: unknown) =>
  isObject(capabilities) &&
  isObject(capabilities.extensions) &&
  capabilities.extensions[EXTENSION] !== undefined

/** Whether a server, of either era, makes tasks at all. */
export const offersTasks = (capabilities: JsonObject | undefined) =>
  capabilities?.tasks !== undefined || declares(capabilities)

/** The task that a server made of a call; null for a plain result. */
export function taskIdIn({ resultType, taskId, task }: JsonObject): string | null {
  const id = resultType === 'task' ? taskId : isObject(task) ? task.taskId : undefined
  return typeof id === 'string' ? id : null
}
