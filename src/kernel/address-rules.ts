// Which addresses the gateway may connect to. Public unicast only; an admin may name private hosts and ranges; the
// metadata services of clouds never. The verdict on a URL comes from the URL alone, before any name is resolved.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { AppError } from './app-error.ts'

export interface AddressRuleOptions {
  /** Host names, addresses or CIDR ranges that may be private. Set by an admin, never by a client. */
  allowPrivate?: readonly string[]
  /** Where plain http is accepted: nowhere (default), everywhere, or at these hosts and ranges. */
  allowHttp?: boolean | readonly string[]
  /** Ports of public hosts; named private ones may use any. */
  ports?: readonly number[] | 'any'
}

export interface AddressRules {
  privateHosts: Matcher
  httpHosts: Matcher | 'all'
  ports: readonly number[] | 'any'
}

interface Matcher {
  names: ReadonlySet<string>
  ranges: readonly (readonly [Address, number])[]
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** `private` may be opted in to; `never` is never connected to. */
export type AddressKind = 'public' | 'private' | 'never'

/** Metadata and host services of clouds that lie outside the link-local ranges. */
const NEVER: ReadonlySet<string> = new Set(
  [
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:42::42',
  ].map((address) => ipaddr.parse(address).toNormalizedString()),
)

const PRIVATE_RANGES: ReadonlySet<string> = new Set([
  'private',
  'loopback',
  'carrierGradeNat',
  'uniqueLocal',
  'reserved',
])

const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')

/** @throws AppError invalid_input when an entry is neither host name, address nor range */
export function addressRules(options: AddressRuleOptions = {}): AddressRules {
  const { allowPrivate = [], allowHttp = false, ports = [443] } = options
  return {
    privateHosts: matcher(allowPrivate),
    httpHosts: allowHttp === true ? 'all' : matcher(allowHttp === false ? [] : allowHttp),
    ports,
  }
}

/** What an address is; anything that is no plain address counts as `never`. */
export function addressKind(address: string): AddressKind {
  const ip = parseAddress(address)
  if (ip === null || NEVER.has(ip.toNormalizedString())) return 'never'
  const range: string = ip.range()
  if (PRIVATE_RANGES.has(range)) return 'private'
  if (range !== 'unicast') return 'never'
  // Outside 2000::/3 lie forms that carry an IPv4 address (::/96) and space that nobody has been given.
  return ip.kind() === 'ipv4' || ip.match(GLOBAL_UNICAST) ? 'public' : 'never'
}

/** Whether `host`, having answered `address`, may be connected to there. */
export function addressAllowed(rules: AddressRules, host: string, address: string): boolean {
  const kind = addressKind(address)
  if (kind !== 'private') return kind === 'public'
  return matches(rules.privateHosts, host, address)
}

/**
 * The parsed URL, if its form permits a connection: scheme, port, no user name, and no literal address that is off
 * limits. Host names still have to be resolved and checked by the connector.
 * @throws AppError blocked_address
 */
export function checkUrl(text: string, rules: AddressRules): URL {
  const url = URL.parse(text)
  if (url === null)
    return refuse('url', 'It is not a URL.', 'Give a full address: https://host/path.')
  const host = bareHost(url.hostname)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return refuse('scheme', `The scheme "${url.protocol}" is not allowed.`, 'Use an https address.')
  if (url.protocol === 'http:' && !httpAllowed(rules, host))
    return refuse('scheme', 'Plain http is not allowed here.', 'Use an https address.')
  if (url.username !== '' || url.password !== '')
    return refuse('userinfo', 'The URL has a user name or password in it.', 'Leave them out.')
  if (isIP(host) !== 0 && !addressAllowed(rules, host, host))
    return refuse('address', 'The URL leads to an address that is not public.', OPT_IN)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  if (!portAllowed(rules, host, port))
    return refuse('port', `Port ${port} is not allowed.`, 'Use the standard port of the scheme.')
  return url
}

export const OPT_IN =
  'Use a public address, or have an admin name this host or range as private on purpose. Metadata services are never reached.'

/** Host name without brackets and without the dot of a fully qualified name. */
export const bareHost = (hostname: string) =>
  hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')

function httpAllowed(rules: AddressRules, host: string): boolean {
  return rules.httpHosts === 'all' || matches(rules.httpHosts, host, host)
}

function portAllowed(rules: AddressRules, host: string, port: number): boolean {
  if (rules.ports === 'any' || rules.ports.includes(port)) return true
  if (port === 80 && httpAllowed(rules, host)) return true
  return matches(rules.privateHosts, host, host)
}

function matches(matcher: Matcher, host: string, address: string): boolean {
  if (matcher.names.has(host)) return true
  const ip = parseAddress(address)
  if (ip === null) return false
  return matcher.ranges.some(([net, bits]) => net.kind() === ip.kind() && ip.match(net, bits))
}

function matcher(entries: readonly string[]): Matcher {
  const names = new Set<string>()
  const ranges: (readonly [Address, number])[] = []
  for (const entry of entries) {
    const bare = entry.replace(/^\[(.*)\]$/, '$1')
    const ip = parseAddress(bare)
    if (ip !== null) ranges.push([ip, ip.kind() === 'ipv4' ? 32 : 128])
    else if (ipaddr.isValidCIDR(entry)) ranges.push(ipaddr.parseCIDR(entry))
    else if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i.test(entry)) names.add(entry.toLowerCase())
    else
      throw new AppError('invalid_input', `"${entry}" is no host name, address or range.`, {
        remedy: 'Write a host such as notes.internal, or a range such as 10.0.0.0/8.',
      })
  }
  return { names, ranges }
}

/** IPv4 inside ::ffff:0:0/96 comes out as IPv4; null for anything but a full address without a zone. */
function parseAddress(address: string): Address | null {
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return null
  // The URL parser writes the last 32 bits in hexadecimal: the library reads ::1.2.3.4 as ::ffff:1.2.3.4.
  return ipaddr.process(
    family === 4 ? address : new URL(`http://[${address}]`).hostname.slice(1, -1),
  )
}

function refuse(problem: string, message: string, remedy: string): never {
  throw new AppError('blocked_address', message, { remedy, data: { problem } })
}
