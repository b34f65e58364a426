// Which one credential a request carries: Authorization: Bearer (RFC 6750 §2.1), or X-API-Key.
import { AppError } from '../kernel/app-error.ts'
import { PREFIXES, readToken, type TokenKind } from './token-format.ts'

export interface Credentials {
  authorization?: string | undefined
  apiKey?: string | undefined
  /** Where the request came from, for counting look-ups of unknown credentials. */
  ip?: string | undefined
}

const HOW =
  'Send `Authorization: Bearer TOKEN`, or an API key as `X-API-Key: KEY`. Clients that speak OAuth get a token by signing in.'

/** The credential as sent. @throws AppError token_missing | token_malformed | bad_request */
export function presented({ authorization, apiKey }: Credentials): string {
  const key = apiKey?.trim()
  if (authorization === undefined) {
    if (key === undefined) throw missing('The request carries no credential.')
    if (key === '') throw missing('The header X-API-Key is empty.')
    return onlyKey(key)
  }
  const bearer = bearerOf(authorization)
  if (key !== undefined && key !== bearer)
    throw new AppError('bad_request', 'The request carries two different credentials.', {
      remedy: 'Send either Authorization or X-API-Key, not both.',
      data: { reason: 'ambiguous' },
    })
  return bearer
}

function bearerOf(authorization: string): string {
  const text = authorization.trim()
  const space = text.indexOf(' ')
  const scheme = space < 0 ? text : text.slice(0, space)
  if (scheme === '') throw missing('The header Authorization is empty.')
  if (scheme.toLowerCase() !== 'bearer') throw notBearer(text)
  const token = space < 0 ? '' : text.slice(space + 1).trim()
  if (token === '')
    throw missing(
      'The header Authorization has the word Bearer and nothing after it: the variable that should hold the token is probably empty.',
    )
  return token
}

function notBearer(text: string): AppError {
  const read = readToken(text)
  // Many people paste the key alone.
  if ('kind' in read)
    return malformed('lacks the word Bearer before it', 'Write `Authorization: Bearer KEY`.')
  if (read.placeholder) return malformed(read.problem, read.remedy)
  return malformed('does not use the scheme Bearer', HOW)
}

/** An access token in X-API-Key would be a second way in that no specification knows. */
function onlyKey(key: string): string {
  if (key.startsWith(PREFIXES.access))
    throw malformed(
      'is an access token in the header for API keys',
      'Send it as `Authorization: Bearer TOKEN`.',
    )
  return key
}

/** What a credential that is not in memory is by its form. @throws AppError token_malformed */
export function kindOf(token: string): TokenKind {
  const read = readToken(token)
  if (!('kind' in read)) throw malformed(read.problem, read.remedy)
  if (read.kind === 'refresh')
    throw malformed(
      'is a refresh token: it is good for getting access tokens only',
      'Let the client exchange it at the token endpoint.',
    )
  return read.kind
}

const missing = (message: string) =>
  new AppError('token_missing', message, { remedy: HOW, data: { reason: 'missing' } })

const malformed = (problem: string, remedy: string) =>
  new AppError('token_malformed', `The credential ${problem}.`, {
    remedy,
    data: { reason: 'malformed' },
  })
