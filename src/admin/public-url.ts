// The public URL as a stored setting: what changing it ends, and the change itself, in one audited transaction.
import { parsePublicUrl } from '../config/public-url.ts'
import { revokeGrantIn } from '../grants/grants.ts'
import { AppError } from '../kernel/app-error.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By } from '../logs/event.ts'
import type { Db, Tx } from '../store/store.ts'

const KEY = 'public_url'

export interface PublicUrlChange {
  /** The origin as it will be stored; null takes the setting away. */
  publicUrl: string | null
  /** Grants are issued for a URL. Those for another origin are good for nothing and end. */
  endsGrants: number
}

/** What was set through the admin API; flag, environment and file come before it. */
export async function storedPublicUrl(core: Core): Promise<string | null> {
  const row = await core.store.db
    .selectFrom('settings')
    .select('value')
    .where('key', '=', KEY)
    .executeTakeFirst()
  return row?.value ? row.value : null
}

/** `fallback` is the URL in force without the setting. @throws AppError invalid_input */
export async function previewPublicUrl(
  core: Core,
  publicUrl: string | null,
  fallback: string,
): Promise<PublicUrlChange> {
  const origin = parse(publicUrl)
  const ends = await grantsOutside(core.store.db, origin ?? fallback)
  return { publicUrl: origin, endsGrants: ends.length }
}

/**
 * `endsGrants` is the number that the person was shown and agreed to.
 * @throws AppError invalid_input | conflict when it is another number by now
 */
export function setPublicUrl(
  core: Core,
  by: By,
  input: { publicUrl: string | null; fallback: string; endsGrants: number },
): Promise<PublicUrlChange> {
  const origin = parse(input.publicUrl)
  return change(core, by, async (unit) => {
    const ends = await grantsOutside(unit.db, origin ?? input.fallback)
    if (ends.length !== input.endsGrants)
      throw new AppError(
        'conflict',
        `The change would end ${ends.length} connected clients, not ${input.endsGrants}.`,
        { remedy: 'Look at the new number and confirm again.', data: { endsGrants: ends.length } },
      )
    const before = await unit.db
      .selectFrom('settings')
      .select('value')
      .where('key', '=', KEY)
      .executeTakeFirst()
    const now = core.clock.now()
    const row = { key: KEY, value: origin ?? '', updated_at: now }
    await unit.db
      .insertInto('settings')
      .values(row)
      .onConflict((clash) => clash.column('key').doUpdateSet({ value: row.value, updated_at: now }))
      .execute()
    for (const id of ends) await revokeGrantIn(unit, id, 'the public URL changed', now)
    unit.changed('setting', KEY)
    await unit.audit({
      code: 'setting.changed',
      target: { type: 'setting', id: KEY, name: 'public URL' },
      detail: { before: before?.value || null, after: origin, endedGrants: ends.length },
    })
    return { publicUrl: origin, endsGrants: ends.length }
  })
}

function parse(publicUrl: string | null): string | null {
  if (publicUrl === null) return null
  const { origin, problem } = parsePublicUrl(publicUrl)
  if (origin !== undefined) return origin
  throw new AppError('invalid_input', `The public URL ${problem}.`, {
    remedy: 'Write scheme, host and port only, such as https://mcp.example.com.',
  })
}

async function grantsOutside(db: Db | Tx, origin: string): Promise<string[]> {
  const rows = await db
    .selectFrom('grants')
    .select(['id', 'resource'])
    .where('revoked_at', 'is', null)
    .orderBy('id')
    .execute()
  const inside = (resource: string) => URL.canParse(resource) && new URL(resource).origin === origin
  return rows.filter(({ resource }) => !inside(resource)).map(({ id }) => id)
}
