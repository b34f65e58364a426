// One unit of work per request: what the protocol library writes is held back as conditional operations and committed
// in one transaction, together with its audit rows, before anything is answered. A condition that no longer holds
// (code taken by a parallel request, grant revoked meanwhile) discards everything and runs the request again, so that
// the library itself finds the right protocol answer.
import { AsyncLocalStorage } from 'node:async_hooks'
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'
import { change, type Unit } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { Actor, By, Origin } from '../logs/event.ts'
import type { SignedIn } from '../people/account.ts'
import type { StateRow } from '../store/tables/state.ts'
import type { AuthEvent } from './events.ts'

export type Payload = Record<string, unknown>

/** What is known of the request before the library sees it. */
export interface Facts {
  origin: Origin
  /** Who is signed in on this browser; null on the endpoints that programs call. */
  signedIn: SignedIn | null
  /** Path of the endpoint that a program called. */
  endpoint?: string
  /** Set while a registration is forwarded: what the registration rules made of it. */
  registration?: {
    fingerprint: string | null
    scope: string | null
    /** Called in the transaction, before the client is stored. @throws AppError rate_limited */
    admit(unit: Unit): Promise<void>
  }
  /** The request may be answered without a page when an admin trusts the client. */
  silently?: boolean
}

export interface Operation {
  /** Writes an audit row. */
  audits: boolean
  /** @throws Conflict when what the library decided on no longer holds. */
  run(unit: Unit): Promise<void>
}

/** A person has to be told something instead of a protocol answer. */
export interface PageError {
  status: number
  code: string
  description: string
  /** The error of the library, for its cause and detail. */
  error: unknown
  clientId: string | null
  redirectUri: string | null
  registered: readonly string[]
}

export interface OidcUnit {
  readonly facts: Facts
  readonly now: number
  /** Own writes, so that the library reads them back before they are committed; null is destroyed. */
  readonly overlay: Map<string, Payload | null>
  /** Rows as read, for operations that must find them unchanged. */
  readonly rows: Map<string, StateRow<'oidc_records'>>
  readonly clients: Map<string, StateRow<'clients'> | null>
  readonly operations: Operation[]
  readonly events: AuthEvent[]
  /** Consumed refresh tokens that the retry rule lets through once more. */
  readonly retried: Set<string>
  /** Grant → hash of the refresh token consumed in this unit: the parent of the one issued next. */
  readonly consumed: Map<string, string>
  readonly revoked: Set<string>
  /** Why a grant would be revoked in this unit. */
  revokeReason: string
  /** The client acting, once known; it becomes the actor of the audit rows unless a person is signed in. */
  client: { id: string; name: string } | null
  page: PageError | null
  /** Stores the grant of a client that is not asked about, if the request ends with a code. */
  pendingGrant: (() => Promise<void>) | null
  /** The library has answered an authorization request with a code. */
  authorized: boolean
  /** What the token response says besides the library's members. */
  connection: { refreshExpiresIn: number | null; endsAt: number } | null
  /** A read failed: nothing that the library says after that counts. */
  failure: unknown
}

export class Conflict extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'Conflict'
  }
}

const units = new AsyncLocalStorage<OidcUnit>()

/** @throws AppError internal outside a unit: the library must never run on its own. */
export function currentUnit(): OidcUnit {
  const unit = units.getStore()
  if (!unit) throw new AppError('internal', 'The authorization server was used outside a request.')
  return unit
}

const newUnit = (facts: Facts, now: number): OidcUnit => ({
  facts,
  now,
  overlay: new Map(),
  rows: new Map(),
  clients: new Map(),
  operations: [],
  events: [],
  retried: new Set(),
  consumed: new Map(),
  revoked: new Set(),
  revokeReason: 'The client gave the connection up.',
  client: null,
  page: null,
  pendingGrant: null,
  authorized: false,
  connection: null,
  failure: null,
})

const ATTEMPTS = 3

/**
 * Runs `work`, commits what it wrote, and returns its result with the events to record.
 * @throws AppError storage_unavailable when it cannot be read or committed; whatever `work` throws
 */
export async function runUnit<T>(
  core: Core,
  facts: Facts,
  work: (unit: OidcUnit) => Promise<T>,
): Promise<{ result: T; unit: OidcUnit }> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const unit = newUnit(facts, core.clock.now())
    const result = await units.run(unit, () => work(unit))
    if (unit.failure !== null) throw storageFailure(unit.failure)
    try {
      await commit(core, unit)
      return { result, unit }
    } catch (error) {
      if (!(error instanceof Conflict)) throw storageFailure(error)
      core.log.debug({ reason: error.message, attempt }, 'authorization request runs again')
    }
  }
  throw new AppError(
    'storage_unavailable',
    'Too many requests change the same connection at once.',
    {
      remedy: 'Try again.',
    },
  )
}

async function commit(core: Core, unit: OidcUnit): Promise<void> {
  if (unit.operations.length === 0) return
  const run = async (handle: Unit) => {
    for (const operation of unit.operations) await operation.run(handle)
  }
  if (unit.operations.some((operation) => operation.audits))
    return change(core, byOf(unit), run, { urgent: unit.revoked.size > 0 })
  // Interactions, codes and tokens are bookkeeping of a decision that is audited where it was made.
  return core.store.transaction(({ db, changed }) => run({ db, changed, audit: refuseAudit }))
}

const refuseAudit = async (): Promise<string> => {
  throw new AppError('internal', 'An operation without audit tried to write an audit event.')
}

export function byOf(unit: OidcUnit): By {
  return { actor: actorOf(unit), origin: unit.facts.origin }
}

export function actorOf({ facts, client }: OidcUnit): Actor {
  if (facts.signedIn) {
    const { id, name, login } = facts.signedIn.account
    return { type: 'user', id, name: name || login }
  }
  if (client) return { type: 'client', id: client.id, name: client.name }
  return { type: 'system', id: 'anonymous', name: 'unknown client' }
}

/** Reads through the unit: a failed read fails the whole request, whatever the library makes of it. */
export async function readIn<T>(unit: OidcUnit, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    unit.failure ??= error
    throw error
  }
}

function storageFailure(error: unknown): AppError {
  if (isAppError(error)) return error
  return new AppError(
    'storage_unavailable',
    `The request could not be stored: ${messageOf(error)}.`,
    {
      remedy: 'Nothing was issued. Try again.',
      cause: error,
    },
  )
}
