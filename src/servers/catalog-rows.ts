// The stored form of catalogues: what lists are answered from while a server is down.
import { z } from 'zod'
import { type CatalogPayload, LISTS } from '../catalog/build.ts'
import type { Core } from '../logs/core.ts'

const objects = z.array(z.record(z.string(), z.unknown()))
const payloadSchema = z.object({
  era: z.enum(['session', 'stateless']),
  overHttp: z.boolean(),
  hello: z.object({
    protocolVersion: z.string(),
    serverInfo: z.record(z.string(), z.unknown()),
    capabilities: z.record(z.string(), z.unknown()),
    instructions: z.string().optional(),
  }),
  tools: objects,
  prompts: objects,
  resources: objects,
  templates: objects,
  failed: z.array(z.enum(LISTS)),
  problems: z.array(z.string()),
  fetchedAt: z.number(),
})

/** Rows that cannot be read are left out: the server is read again anyway. */
export async function loadPayloads(
  core: Core,
  serverId?: string,
): Promise<Map<string, CatalogPayload>> {
  let query = core.store.db.selectFrom('catalogs').select(['server_id', 'payload'])
  if (serverId !== undefined) query = query.where('server_id', '=', serverId)
  const payloads = new Map<string, CatalogPayload>()
  for (const row of await query.execute()) {
    const parsed = payloadSchema.safeParse(parse(row.payload))
    if (parsed.success) payloads.set(row.server_id, withoutUndefined(parsed.data))
    else core.log.warn({ server: row.server_id }, 'stored catalogue is not readable')
  }
  return payloads
}

/** Caches of every process forget the old one. */
export async function storePayload(core: Core, id: string, payload: CatalogPayload): Promise<void> {
  const row = { payload: JSON.stringify(payload), fetched_at: payload.fetchedAt }
  await core.store.transaction(async ({ db, changed }) => {
    const server = await db
      .selectFrom('servers')
      .select('id')
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .executeTakeFirst()
    if (!server) return
    await db
      .insertInto('catalogs')
      .values({ server_id: id, ...row })
      .onConflict((conflict) => conflict.column('server_id').doUpdateSet(row))
      .execute()
    changed('catalog', id)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // Fails the schema, and is reported there.
  }
}

function withoutUndefined(data: z.infer<typeof payloadSchema>): CatalogPayload {
  const { instructions, ...hello } = data.hello
  return { ...data, hello: instructions === undefined ? hello : { ...hello, instructions } }
}
