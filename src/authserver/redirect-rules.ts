// Which redirect addresses a client may register, and which registered one a request may use (OAuth 2.1 §2.3.1,
// RFC 8252 §7). Everything is compared as written: normalising first is how look-alikes get through.

const MAX_LENGTH = 2048

/** Where hosted Claude (web, Desktop, mobile) sends people back to. */
export const CLAUDE_CALLBACKS: readonly string[] = [
  'https://claude.ai/api/mcp/auth_callback',
  'https://claude.com/api/mcp/auth_callback',
]

/** Schemes without a dot that desktop programs are known to own. */
const APP_SCHEMES: ReadonlySet<string> = new Set([
  'claude',
  'code-oss',
  'cursor',
  'goose',
  'kiro',
  'lmstudio',
  'positron',
  'raycast',
  'trae',
  'vscode',
  'vscode-insiders',
  'vscodium',
  'warp',
  'windsurf',
  'zed',
])

const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?(?=[/?]|$)/

const USUAL_HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])$/i

interface Loopback {
  host: string
  /** Path and query, exactly as written. */
  rest: string
}

/** Why `uri` cannot be a redirect address, as one sentence for the developer of the client; null when it can. */
export function checkRedirectUri(uri: string): string | null {
  if (uri === '') return 'It is empty.'
  if (uri.length > MAX_LENGTH) return `It is longer than ${MAX_LENGTH} characters.`
  return (
    refusedCharacter(uri) ??
    (/^https?:/i.test(uri) ? refusedWebAddress(uri) : refusedAppAddress(uri)) ??
    refusedPath(uri)
  )
}

/**
 * Whether a request may be answered at `asked`. Exactly a registered address; the one freedom is the port of an
 * http address on localhost, 127.0.0.1 or [::1], which are three different hosts (RFC 8252 §7.3).
 */
export function redirectAllowed(registered: readonly string[], asked: string): boolean {
  if (checkRedirectUri(asked) !== null) return false
  if (registered.includes(asked)) return true
  const wanted = loopback(asked)
  if (wanted === null) return false
  return registered.some((uri) => {
    const known = loopback(uri)
    return known !== null && known.host === wanted.host && known.rest === wanted.rest
  })
}

/** An http address on one of the three loopback hosts: answered by a program on the person's own computer. */
export const isLoopback = (uri: string): boolean => loopback(uri) !== null

/** An address that the operating system hands to an installed program. */
export const isPrivateUse = (uri: string): boolean => !/^https?:/i.test(uri)

/** What a person recognises: the host name, or the scheme of an installed program. */
export function redirectHost(uri: string): string {
  const url = URL.parse(uri)
  if (url === null) return ''
  return isPrivateUse(uri) ? url.protocol : url.hostname
}

function loopback(uri: string): Loopback | null {
  const found = LOOPBACK.exec(uri)
  if (found === null || Number(found[2] ?? 0) > 65_535) return null
  return { host: found[1]!, rest: uri.slice(found[0].length) }
}

function refusedCharacter(uri: string): string | null {
  if (/[^\x21-\x7e]/.test(uri)) return 'It has spaces, control characters or non-ASCII letters.'
  if (uri.includes('\\')) return 'It has a backslash.'
  if (uri.includes('#')) return 'It has a fragment (#...).'
  if (uri.includes('*'))
    return 'It has a "*". Redirect addresses are compared exactly, so list each one in full.'
  if (/["<>^`{|}]/.test(uri)) return 'It has a character that must be percent-encoded.'
  if (/%(?![0-9a-f]{2})/i.test(uri)) return 'It has a "%" that is not a percent-encoded byte.'
  if (/%(?:[01][0-9a-f]|7f)/i.test(uri)) return 'It has a percent-encoded control character.'
  return null
}

function refusedWebAddress(uri: string): string | null {
  const found = /^https?:\/\/([^/?]+)/.exec(uri)
  const url = URL.parse(uri)
  if (found === null || url === null)
    return 'It is not a full address of the form https://host/path, scheme in lower case.'
  const authority = found[1]!
  if (authority.includes('@')) return 'It has a user name or password before the host.'
  const host = authority.replace(/:[0-9]*$/, '')
  // The URL parser reads 127.1, 0x7f.1 or %6c as other hosts than they look like.
  // DNS and browsers take more characters than names have, some of which mean something in a Content-Security-Policy.
  if (host.toLowerCase() !== url.hostname || !USUAL_HOST.test(host))
    return 'Its host is not written in the usual form.'
  if (/:(?:0[0-9]*)?$/.test(authority)) return 'Its port is empty, zero or has leading zeros.'
  if (url.protocol === 'http:' && !isLoopback(uri))
    return 'Plain http is allowed only for http://localhost, http://127.0.0.1 and http://[::1]. Use https.'
  return null
}

function refusedAppAddress(uri: string): string | null {
  const found = /^([a-z][a-z0-9+.-]*):(.*)$/.exec(uri)
  if (found === null) return 'It is not a full address: the scheme is missing.'
  const scheme = found[1]!
  const rest = found[2]!
  if (!APP_SCHEMES.has(scheme) && !/^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+$/.test(scheme))
    return `The scheme "${scheme}:" is not allowed. Use https, http on localhost, or a scheme of your own with a dot in it, such as com.example.app:/callback.`
  if (!rest.startsWith('/') || URL.parse(uri) === null)
    return `After "${scheme}:" it needs a path, such as ${scheme}:/callback.`
  if (/^\/\/[^/?]*@/.test(rest)) return 'It has a user name or password before the host.'
  return null
}

function refusedPath(uri: string): string | null {
  const path = uri.replace(/^[^:]*:(?:\/\/[^/?]*)?/, '').replace(/\?.*$/, '')
  if (/%(?:2f|5c)/i.test(path)) return 'It has an encoded slash or backslash in its path.'
  const segments = path.split('/').map((segment) => segment.replace(/%2e/gi, '.'))
  if (segments.some((segment) => segment === '.' || segment === '..'))
    return 'It has "." or ".." in its path.'
  if (path.includes('//')) return 'It has "//" in its path.'
  return null
}
