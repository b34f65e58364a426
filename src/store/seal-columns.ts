// The columns of a seal in their one fixed order.
import type { SealTable } from './tables/events.ts'

export const sealColumns = [
  'stream',
  'n',
  'first_seq',
  'last_seq',
  'count',
  'position',
  'row_hashes',
  'prev_hash',
  'hash',
  'signature',
  'key_id',
  'sealed_at',
] as const satisfies readonly (keyof SealTable)[]
