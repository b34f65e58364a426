// Who can reach an address, from its form alone: said on the connect page before anybody tries.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export type Reach =
  /** https and a public name: everything can work. */
  | 'public'
  /** This computer only. */
  | 'loopback'
  /** https, but a private name or address: the own network only. */
  | 'private'
  /** http beyond this computer: readable on the way, refused by most clients. */
  | 'plain'

/** Names that the public DNS does not hold. */
const PRIVATE_NAME = /(^[^.]+|\.(local|internal|lan|home|corp|intranet|test|home\.arpa))$/

export function reachOf(origin: string): Reach {
  const url = URL.parse(origin)
  if (!url) return 'loopback'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isLoopback(host)) return 'loopback'
  if (url.protocol !== 'https:') return 'plain'
  if (isIP(host)) return ipaddr.process(host).range() === 'unicast' ? 'public' : 'private'
  return PRIVATE_NAME.test(host) ? 'private' : 'public'
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  if (!isIP(host)) return false
  return ['loopback', 'unspecified'].includes(ipaddr.process(host).range())
}
