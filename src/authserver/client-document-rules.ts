// What a Client ID Metadata Document and its URL must look like (draft-ietf-oauth-client-id-metadata-document-02 §3-§4).
// Every refusal names the rule that was broken.
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'
import { scanMessage } from '../kernel/json-scan.ts'
import type { SafeResponse } from '../kernel/safe-fetch.ts'
import { type ClientMetadata, normaliseRegistration } from './registration-rules.ts'

export const DOCUMENT_BYTES = 5120
const MAX_URL = 2048

export type DocumentRule =
  | 'url'
  | 'address'
  | 'unreachable'
  | 'redirect'
  | 'size'
  | 'status'
  | 'content-type'
  | 'json'
  | 'client-id'
  | 'secret'
  | 'metadata'
  | 'rate'

export interface ClientDocument extends ClientMetadata {
  client_id: string
}

export function documentError(
  rule: DocumentRule,
  message: string,
  remedy: string,
  more: { cause?: unknown; status?: number } = {},
): AppError {
  const data = more.status === undefined ? { rule } : { rule, status: more.status }
  return new AppError('client_document', message, { remedy, cause: more.cause, data })
}

/** @throws AppError client_document when `text` cannot be the id of a client that publishes a document */
export function checkDocumentUrl(text: string): URL {
  const refuse = (why: string): never => {
    throw documentError(
      'url',
      `The client_id cannot be the address of a client metadata document: ${why}`,
      'Use the exact https address of the document, with a path and nothing after it.',
    )
  }
  if (text.length > MAX_URL) refuse(`it is longer than ${MAX_URL} characters.`)
  if (!text.startsWith('https://')) refuse('it does not begin with https://.')
  if (text.includes('#')) refuse('it has a fragment.')
  if (text.includes('?')) refuse('it has a query.')
  const url = URL.parse(text) ?? refuse('it is not a URL.')
  if (url.username !== '' || url.password !== '' || /^https:\/\/[^/]*@/.test(text))
    refuse('it has a user name or password in it.')
  const segments = text.split('/').map((segment) => segment.replace(/%2e/gi, '.'))
  if (segments.includes('.') || segments.includes('..')) refuse('it has dot segments in its path.')
  if (url.pathname === '/') refuse('it has no path.')
  // Ids are compared as written, so only one spelling of an address may be an id.
  if (url.href !== text) refuse('it is not written in the usual form.')
  return url
}

/** The client that a reply describes, in the form that is stored. @throws AppError client_document */
export function readDocument(url: string, reply: SafeResponse): ClientDocument {
  if (reply.status !== 200)
    throw documentError(
      'status',
      `The client metadata document answers with status ${reply.status} instead of 200.`,
      'Publish the document at exactly the address that is the client_id.',
      { status: reply.status },
    )
  const type = (reply.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
  if (!/^application\/(?:json|[\w.-]+\+json)$/.test(type))
    throw documentError(
      'content-type',
      `The client metadata document is "${type.slice(0, 60)}", not application/json.`,
      'Serve it with the content type application/json.',
    )
  return parseDocument(url, reply.body)
}

/** Also for copies from the store: the rules of today apply to what was fetched yesterday. */
export function parseDocument(url: string, bytes: Buffer): ClientDocument {
  if (bytes.length > DOCUMENT_BYTES) throw tooLarge()
  const body = parseObject(bytes)
  if (body.client_id !== url)
    throw documentError(
      'client-id',
      'The client_id inside the client metadata document is not the address it was read from.',
      'Both must be the same string, character by character.',
    )
  if ('client_secret' in body || 'client_secret_expires_at' in body)
    throw documentError(
      'secret',
      'The client metadata document contains a client secret.',
      'Remove it and treat it as leaked: the document is public.',
    )
  const methods = [
    body.token_endpoint_auth_method ?? 'none',
    ...(Array.isArray(body.token_endpoint_auth_methods_supported)
      ? body.token_endpoint_auth_methods_supported
      : []),
  ]
  if (!methods.includes('none'))
    throw documentError(
      'metadata',
      'The client metadata document does not offer token_endpoint_auth_method none.',
      'Clients with a metadata document are public here: offer none, with PKCE.',
    )
  const result = normaliseRegistration(
    { ...body, token_endpoint_auth_method: 'none' },
    { scopes: [] },
  )
  if (!result.ok)
    throw documentError(
      'metadata',
      `The client metadata document is not acceptable: ${result.description}`,
      'Correct the document.',
    )
  return { client_id: url, ...result.metadata }
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  const refuse = (why: string, cause?: unknown): never => {
    throw documentError(
      'json',
      `The client metadata document is not a JSON object: ${why}`,
      'Serve one JSON object in UTF-8, each member once.',
      { cause },
    )
  }
  try {
    const { kind } = scanMessage(bytes)
    if (kind === 'array') return refuse('it is a list.')
  } catch (error) {
    if (isAppError(error, 'client_document')) throw error
    return refuse(messageOf(error), error)
  }
  return JSON.parse(bytes.toString()) as Record<string, unknown>
}

export const tooLarge = (cause?: unknown) =>
  documentError(
    'size',
    `The client metadata document is larger than ${DOCUMENT_BYTES} bytes.`,
    'Make it smaller: links instead of texts, no embedded pictures.',
    { cause },
  )
