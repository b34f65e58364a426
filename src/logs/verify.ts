// Checks the chain of each stream against its rows and names the first thing that is not as it was sealed.
import type { StoredEvent } from '../store/store.ts'
import type { SealTable, Stream } from '../store/tables/events.ts'
import { type Checkpoint, readCheckpoints } from './checkpoints.ts'
import type { Core } from './core.ts'
import { blockHash, rowHash, type SealVerifier, signatureHolds, splitHashes } from './seal.ts'
import { logDb, streams } from './stream-rows.ts'

export interface LogProblem {
  stream: Stream
  what: 'changed' | 'dropped' | 'reordered' | 'added' | 'seal' | 'checkpoint'
  /** The row concerned, as far as it is known: a dropped one has no id any more. */
  seq: number | null
  eventId: string | null
  /** The link of the chain. */
  seal: number | null
  message: string
}

export interface StreamReport {
  stream: Stream
  seals: number
  rows: number
  /** Committed and not chained yet: nothing is known about them. */
  unsealed: number
  /** null: every row is as it was sealed. */
  problem: LogProblem | null
}

export interface LogReport {
  ok: boolean
  streams: StreamReport[]
}

const PAGE = 200

export async function verifyLogs(
  core: Core,
  keys: readonly SealVerifier[],
  options: { checkpointFile?: string } = {},
): Promise<LogReport> {
  const { checkpoints, broken } = options.checkpointFile
    ? readCheckpoints(options.checkpointFile)
    : { checkpoints: [], broken: [] }
  const reports: StreamReport[] = []
  for (const stream of streams) {
    const own = checkpoints.filter((checkpoint) => checkpoint.stream === stream)
    reports.push(await verifyStream(core, stream, keys, own))
  }
  const first = reports[0]
  if (first && broken.length > 0)
    first.problem ??= problem(first.stream, 'checkpoint', {
      message: `Line ${broken[0]} of the checkpoint file is not a checkpoint.`,
    })
  return { ok: reports.every((report) => report.problem === null), streams: reports }
}

async function verifyStream(
  core: Core,
  stream: Stream,
  keys: readonly SealVerifier[],
  checkpoints: readonly Checkpoint[],
): Promise<StreamReport> {
  const report: StreamReport = { stream, seals: 0, rows: 0, unsealed: 0, problem: null }
  const hashes = new Map(checkpoints.map((checkpoint) => [checkpoint.n, checkpoint.hash]))
  let previous: SealTable | undefined
  for (;;) {
    const page = await sealsAfter(core, stream, previous?.n ?? 0)
    for (const seal of page) {
      const position = previous?.position ?? null
      const { rows } = await core.store.unsealed(stream, position, seal.count)
      report.problem =
        sealProblem(seal, previous, keys, hashes.get(seal.n)) ??
        (await rowProblem(core, seal, position, rows))
      if (report.problem) return report
      report.seals++
      report.rows += rows.length
      hashes.delete(seal.n)
      previous = seal
    }
    if (page.length < PAGE) break
  }
  const [missing] = hashes.keys()
  if (missing !== undefined)
    report.problem = problem(stream, 'checkpoint', {
      seal: missing,
      message: `The chain ends at seal ${report.seals}, but a checkpoint of seal ${missing} exists: its end was cut off.`,
    })
  report.unsealed = await countUnsealed(core, stream, previous?.position ?? null)
  return report
}

function sealProblem(
  seal: SealTable,
  previous: SealTable | undefined,
  keys: readonly SealVerifier[],
  checkpoint: string | undefined,
): LogProblem | null {
  const { stream, n } = seal
  const found = (message: string, what: LogProblem['what'] = 'seal') =>
    problem(stream, what, { seal: n, seq: seal.first_seq, message })
  if (n !== (previous?.n ?? 0) + 1) return found(`Seal ${(previous?.n ?? 0) + 1} is missing.`)
  if (seal.prev_hash !== (previous?.hash ?? ''))
    return found(`Seal ${n} does not follow from the one before it.`)
  if (seal.hash !== blockHash(seal)) return found(`Seal ${n} was changed.`)
  const key = keys.find(({ keyId }) => keyId === seal.key_id)
  if (!key) return found(`Seal ${n} was signed with an unknown key, ${seal.key_id}.`)
  if (!signatureHolds(seal, key)) return found(`Seal ${n} was not signed by this gateway.`)
  if (checkpoint !== undefined && checkpoint !== seal.hash)
    return found(
      `Seal ${n} is not the one of the checkpoint: the chain was written anew.`,
      'checkpoint',
    )
  return null
}

/** Compares one block with its rows; on the first difference finds out what happened. */
async function rowProblem(
  core: Core,
  seal: SealTable,
  from: string | null,
  rows: readonly StoredEvent[],
): Promise<LogProblem | null> {
  const expected = splitHashes(seal.row_hashes)
  const actual = rows.map(rowHash)
  const at = expected.findIndex((hash, index) => hash !== actual[index])
  if (at === -1) return null
  const row = rows[at]
  const last = rows[at - 1]
  const place = last ? `after row ${last.seq} (${last.id})` : `at the start of seal ${seal.n}`
  const dropped = () =>
    problem(seal.stream, 'dropped', {
      seal: seal.n,
      seq: last ? last.seq + 1 : seal.first_seq,
      message: `A row was dropped ${place}.`,
    })
  if (!row) return dropped()
  const found = (what: LogProblem['what'], happened: string) =>
    problem(seal.stream, what, {
      seal: seal.n,
      seq: row.seq,
      eventId: row.id,
      message: `Row ${row.seq} (${row.id}) ${happened}.`,
    })

  const wanted = expected[at]!
  const known = expected.includes(actual[at]!, at + 1)
  const wantedLater = actual.includes(wanted, at + 1)
  if (wantedLater && !known) return found('added', `was added ${place}`)
  if (wantedLater || belongsHere(wanted, rows, row))
    return found('reordered', `is not where it was sealed, ${place}`)
  if (known || (await isBeyond(core, seal, from, at))) return dropped()
  return found('changed', 'was changed')
}

/** The wanted row is there under another number: numbers, or all contents but the numbers, were swapped. */
const belongsHere = (wanted: string, rows: readonly StoredEvent[], here: StoredEvent): boolean =>
  rows.some((row) => row !== here && rowHash({ ...row, seq: here.seq }) === wanted) ||
  rows.some(({ seq }) => seq !== here.seq && rowHash({ ...here, seq }) === wanted)

/** When the last rows of a block are missing, reading it runs on into the next one. */
async function isBeyond(core: Core, seal: SealTable, from: string | null, index: number) {
  const upTo = await core.store.unsealed(seal.stream, from, index + 1)
  const [a, b] = [upTo.position, seal.position].map((each) => each.split(':').map(BigInt))
  for (const [i, part] of a!.entries()) if (part !== b![i]) return part > (b![i] ?? 0n)
  return false
}

function problem(
  stream: Stream,
  what: LogProblem['what'],
  rest: Partial<LogProblem> & { message: string },
): LogProblem {
  return { stream, what, seq: null, eventId: null, seal: null, ...rest }
}

function sealsAfter(core: Core, stream: Stream, n: number): Promise<SealTable[]> {
  return logDb(core.store, stream)
    .selectFrom('seals')
    .selectAll()
    .where('stream', '=', stream)
    .where('n', '>', n)
    .orderBy('n')
    .limit(PAGE)
    .execute()
}

async function countUnsealed(core: Core, stream: Stream, from: string | null): Promise<number> {
  let count = 0
  for (let position = from; ; ) {
    const page = await core.store.unsealed(stream, position, 1000)
    count += page.rows.length
    if (page.rows.length < 1000) return count
    position = page.position
  }
}
