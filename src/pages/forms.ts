// Every form that changes something passes here: same origin, a token bound to this browser and this form, used once.
// Fields for scripts: read every hidden input of the form (`form_token` among them) and post it with the visible ones.
import { createHmac } from 'node:crypto'
import type { Context } from 'hono'
import { AppError } from '../kernel/app-error.ts'
import { sameSecret, tokenHash } from '../kernel/digest.ts'
import { hours } from '../kernel/time.ts'
import { browserNonce } from './cookies.ts'
import type { PagesDeps } from './deps.ts'

/** A page may stand open over a working day. */
export const FORM_LIFETIME = hours(12)
const MOST_BYTES = 32 * 1024

/** What a token is good for (one form of one page) and whose it is (a session, or a browser before sign-in). */
interface FormFor {
  form: string
  owner: string
}

/** For pages of somebody who is signed in. */
export const formOfSession = (form: string, session: { sessionHash: string }): FormFor => ({
  form,
  owner: `session ${session.sessionHash}`,
})

/** For pages before sign-in; gives the browser its cookie when it has none. */
export const formOfBrowser = (deps: PagesDeps, c: Context, form: string): FormFor => ({
  form,
  owner: `browser ${browserNonce(deps, c)}`,
})

export function issueToken(deps: PagesDeps, target: FormFor): string {
  const expiresAt = (deps.clock.now() + FORM_LIFETIME).toString(36)
  const nonce = deps.random(16).toString('base64url')
  return `${expiresAt}.${nonce}.${macOf(deps, target, expiresAt, nonce)}`
}

const macOf = (deps: PagesDeps, { form, owner }: FormFor, expiresAt: string, nonce: string) =>
  createHmac('sha256', deps.formKey.reveal())
    .update(JSON.stringify([form, owner, expiresAt, nonce]))
    .digest('base64url')

/** @throws AppError wrong_origin | unsupported_media | too_large */
export async function readForm(deps: PagesDeps, c: Context): Promise<URLSearchParams> {
  requireOwnOrigin(deps, c)
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded')
    throw new AppError('unsupported_media', 'A form has to be sent as form fields.', {
      remedy: 'Send it with the content type application/x-www-form-urlencoded.',
    })
  return new URLSearchParams(await readAtMost(c, MOST_BYTES))
}

/**
 * Checks the token and uses it up.
 * @throws AppError forbidden | gone
 */
export async function takeToken(
  deps: PagesDeps,
  target: FormFor,
  fields: URLSearchParams,
  { urgent = false } = {},
): Promise<void> {
  const token = fields.get('form_token') ?? ''
  const [expires = '', nonce = '', mac = ''] = token.split('.')
  if (!sameSecret(mac, macOf(deps, target, expires, nonce)))
    throw new AppError('forbidden', 'This form was not opened in this browser.', {
      remedy: 'Open the page again and send the form from there. Cookies must be allowed.',
    })
  const expiresAt = Number.parseInt(expires, 36)
  if (deps.clock.now() >= expiresAt) throw formGone('This form stood open for more than 12 hours.')
  if (!(await deps.spend(tokenHash(token), expiresAt, urgent)))
    throw formGone('This form has been sent before. The first time counts.')
}

const formGone = (message: string) =>
  new AppError('gone', message, { remedy: 'Open the page again to see how things stand.' })

/** The browser's own word on where a form came from. Programs that are no browsers send neither header. */
function requireOwnOrigin(deps: PagesDeps, c: Context): void {
  const origin = c.req.header('origin')
  const site = c.req.header('sec-fetch-site')
  if (
    (origin === undefined || origin === deps.ownOrigin(c)) &&
    (site ?? 'same-origin') === 'same-origin'
  )
    return
  throw new AppError('wrong_origin', 'This form was sent from a page of another site.', {
    remedy: `Nothing was done. Open ${deps.ownOrigin(c)} and do it there.`,
  })
}

async function readAtMost(c: Context, limit: number): Promise<string> {
  const tooLarge = () => new AppError('too_large', `A form has at most ${limit} bytes.`)
  if (Number(c.req.header('content-length') ?? 0) > limit) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
