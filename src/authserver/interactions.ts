// Pending authorization requests as the login and consent pages see them. Bound to the browser by the library's signed
// cookie, whose path is exactly that page; consent is given only by the person who is signed in now.
import type { Context } from 'hono'
import type Provider from 'oidc-provider'
import type { Interaction as Pending } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Interaction, Interactions, PendingClient } from '../grants/pending-authorization.ts'
import { AppError } from '../kernel/app-error.ts'
import { clientRow } from './adapter-client.ts'
import { verifiedHost } from './client-identity.ts'
import type { AuthServerDeps } from './deps.ts'
import { eventRow } from './events.ts'
import { clientName, insertGrantRow } from './new-grant.ts'
import { text } from './records.ts'
import { isLoopback, isPrivateUse, redirectHost } from './redirect-rules.ts'
import { defaultResource, resourceOf } from './resources.ts'
import { libraryHeaders, messages } from './run-provider.ts'
import type { Strangers } from './strangers.ts'
import { type OidcUnit, runUnit } from './unit-of-work.ts'

interface Opened {
  library: Provider
  pending: Pending
  unit: OidcUnit
  /** Hands the library what the person decided; returns where to go on. */
  finish(result: Parameters<Provider['interactionResult']>[2]): Promise<string>
}

export function createInteractions(
  deps: AuthServerDeps,
  provider: () => Promise<Provider>,
  strangers: Strangers,
): Interactions {
  const open = <T>(c: Context, uid: string, work: (opened: Opened) => Promise<T>) =>
    openInteraction({ deps, provider, strangers }, c, uid, work)
  return {
    load: (c, uid) => open(c, uid, (opened) => describe(deps, opened)),

    finishLogin: (c, uid, userId) =>
      open(c, uid, async ({ pending, unit }) => {
        // Also on the consent page, where the sign-in has ended meanwhile or another person takes over: the request
        // then goes on with the session of whoever signed in, no longer with the one it was started in.
        delete pending.session
        // Our own session is the one that remembers: the library's ends with the browser.
        pending.result = { login: { accountId: userId, remember: false } }
        await pending.save(pending.exp - Math.floor(unit.now / 1000))
        return pending.returnTo
      }),

    allow: (c, uid, scopes) => open(c, uid, (opened) => allow(deps, opened, scopes)),

    cancel: (c, uid) =>
      open(c, uid, ({ pending, finish, unit }) => {
        unit.events.push({
          code: 'auth.consent_cancelled',
          outcome: 'cancelled',
          clientId: String(pending.params.client_id),
          reason: `Cancelled on the ${pending.prompt.name} page.`,
        })
        return finish({
          error: 'access_denied',
          error_description: 'The person did not allow the connection.',
        })
      }),
  }
}

interface Parts {
  deps: AuthServerDeps
  provider: () => Promise<Provider>
  strangers: Strangers
}

async function openInteraction<T>(
  { deps, provider, strangers }: Parts,
  c: Context,
  uid: string,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const library = await provider()
  const signedIn = await deps.signedIn(c.req.header('cookie'), c.req.header('host'))
  const headers = libraryHeaders(c.req.raw.headers, deps.publicUrl())
  const message = () => {
    const { incoming, outgoing } = messages({ method: 'GET', url: c.req.path, headers })
    return [incoming, outgoing] as const
  }
  const facts = { origin: deps.originOf(c), signedIn }
  const record = (unit: OidcUnit) => {
    for (const event of strangers.recorded(unit))
      deps.journal.record('auth', eventRow(deps.core, unit, event))
  }
  const refuse = (unit: OidcUnit, error: AppError): never => {
    unit.events.push({
      code: 'auth.authorization_refused',
      outcome: 'refused',
      severity: 'warn',
      reason: error.message,
      detail: { page: c.req.path.split('/')[1], method: c.req.method },
    })
    record(unit)
    throw error
  }
  const { result, unit } = await runUnit(deps.core, facts, async (unit) => {
    const pending = await library.interactionDetails(...message()).catch((error: unknown) => {
      if (!(error instanceof errors.SessionNotFound)) throw error
      return refuse(
        unit,
        new AppError('gone', 'This sign-in has expired, or was started in another browser.', {
          remedy: 'Start again from the client. Nothing was granted.',
          cause: error,
        }),
      )
    })
    if (pending.uid !== uid)
      return refuse(
        unit,
        new AppError('forbidden', 'This sign-in belongs to another page of this browser.', {
          remedy: 'Start again from the client.',
        }),
      )
    return work({
      library,
      pending,
      unit,
      finish: (decision) =>
        library.interactionResult(...message(), decision, {
          mergeWithLastSubmission: !('error' in decision),
        }),
    })
  })
  record(unit)
  return result
}

function requirePrompt(pending: Pending, prompt: 'login' | 'consent'): void {
  if (pending.prompt.name === prompt) return
  throw new AppError('conflict', `This sign-in waits for ${pending.prompt.name}, not ${prompt}.`, {
    remedy: 'Start again from the client.',
  })
}

const resourceIn = (deps: AuthServerDeps, { params }: Pending): string => {
  const named = Array.isArray(params.resource) ? params.resource[0] : params.resource
  return typeof named === 'string' ? named : defaultResource(deps)
}

/** What consent is asked for: the scopes of the resource that the request came down to. */
const scopesIn = ({ params }: Pending): string[] =>
  (text(params.scope) ?? '').split(' ').filter((scope) => scope !== '' && scope !== 'openid')

async function clientOf({ core }: AuthServerDeps, { library, pending, unit }: Opened) {
  const client = await library.Client.find(String(pending.params.client_id))
  if (!client)
    throw new AppError('gone', 'The client that asked was removed or revoked meanwhile.', {
      remedy: 'Remove the connection in the client and add it again.',
    })
  return { client, row: await clientRow(core, unit, client.clientId) }
}

async function describe(deps: AuthServerDeps, opened: Opened): Promise<Interaction> {
  const { pending, unit } = opened
  const { client, row } = await clientOf(deps, opened)
  const redirectUri = String(pending.params.redirect_uri)
  const shown: PendingClient = {
    id: client.clientId,
    kind: row?.kind ?? 'cimd',
    name: clientName(client),
    verifiedHost: verifiedHost(client.clientId),
    trusted: row?.trusted === 1,
    redirectUri,
    // With the port, which tells one program on a computer from another.
    redirectHost: isPrivateUse(redirectUri) ? redirectHost(redirectUri) : new URL(redirectUri).host,
    loopback: isLoopback(redirectUri),
  }
  const resource = resourceIn(deps, pending)
  const userId = pending.session?.accountId ?? null
  const consent = pending.prompt.name === 'consent'
  return {
    uid: pending.uid,
    prompt: consent ? 'consent' : 'login',
    client: shown,
    resource,
    scopes:
      consent && userId !== null
        ? await deps.describeScopes({
            userId,
            resource: resourceOf(deps, resource),
            scopes: scopesIn(pending),
          })
        : [],
    userId: consent ? userId : null,
    grantEndsAt: unit.now + deps.auth().refreshTokenTtl * 1000,
  }
}

async function allow(
  deps: AuthServerDeps,
  opened: Opened,
  ticked: readonly string[],
): Promise<string> {
  const { library, pending, unit, finish } = opened
  requirePrompt(pending, 'consent')
  // A second click on the same page: the first one decided.
  if (pending.result?.consent?.grantId) return pending.returnTo
  const userId = pending.session?.accountId
  requirePerson(unit, userId)

  const { client } = await clientOf(deps, opened)
  const resource = resourceIn(deps, pending)
  const asked = scopesIn(pending)
  const choices = await deps.describeScopes({
    userId,
    resource: resourceOf(deps, resource),
    scopes: asked,
  })
  const required = new Set(choices.filter((choice) => choice.required).map(({ name }) => name))
  const granted = asked.filter((scope) => required.has(scope) || ticked.includes(scope))
  if (granted.length === 0)
    throw new AppError('invalid_input', 'Nothing is ticked, so there is nothing to allow.', {
      remedy: 'Tick at least one permission, or cancel.',
    })

  const grant = new library.Grant({ accountId: userId, clientId: client.clientId })
  grant.jti = deps.core.newId('grt')
  grant.addResourceScope(resource, granted)
  // Said no to: without this the library would ask again for what is missing.
  const refused = asked.filter((scope) => !granted.includes(scope))
  if (refused.length > 0) grant.rejectResourceScope(resource, refused)
  if ((text(pending.params.scope) ?? '').split(' ').includes('openid')) grant.addOIDCScope('openid')
  insertGrantRow(deps, unit, {
    id: grant.jti,
    userId,
    client,
    redirectUri: String(pending.params.redirect_uri),
    resource,
    scopes: granted,
  })
  await grant.save()
  unit.events.push({
    code: 'auth.consent_allowed',
    grantId: grant.jti,
    userId,
    ...(unit.facts.signedIn ? { parentId: unit.facts.signedIn.eventId } : {}),
    detail: { resource, granted, refused, redirectUri: pending.params.redirect_uri },
  })
  return finish({ consent: { grantId: grant.jti } })
}

/** @throws AppError sign_in_needed | forbidden */
function requirePerson(unit: OidcUnit, userId: string | undefined): asserts userId is string {
  const { signedIn } = unit.facts
  if (!signedIn || userId === undefined)
    throw new AppError('sign_in_needed', 'The sign-in of this browser has ended.', {
      remedy: 'Sign in again; the request waits for you.',
    })
  if (signedIn.account.id !== userId)
    throw new AppError('forbidden', 'This request was started by another person on this browser.', {
      remedy: 'Start again from the client.',
    })
}
