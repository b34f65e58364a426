// Where a request came from: the socket, or what a trusted proxy says of it (never the header alone).
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export interface ClientAddress {
  (req: IncomingMessage): string | undefined
  /** Whether a peer is one of our proxies, which speak for many clients. */
  isProxy(address: string | undefined): boolean
}

export function clientAddress(trustedProxies: readonly string[]): ClientAddress {
  const ranges = trustedProxies.map((entry) =>
    entry.includes('/')
      ? ipaddr.parseCIDR(entry)
      : ([ipaddr.parse(entry), ipaddr.parse(entry).kind() === 'ipv4' ? 32 : 128] as [
          ipaddr.IPv4 | ipaddr.IPv6,
          number,
        ]),
  )
  const trusted = (address: string) => {
    if (!ipaddr.isValid(address)) return false
    const parsed = ipaddr.process(address)
    return ranges.some(
      ([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits),
    )
  }
  const isProxy = (address: string | undefined) =>
    address !== undefined && ranges.length > 0 && trusted(address)
  const addressOf = (req: IncomingMessage) => {
    const peer = plain(req.socket.remoteAddress)
    if (peer === undefined || !isProxy(peer)) return peer
    const chain = String(req.headers['x-forwarded-for'] ?? '')
    // From the right: the first address that is not a proxy of ours is the client. Left of anything unreadable is only
    // what the client says of itself. Looked at one by one: a client may have sent thousands.
    let known = peer
    for (let end = chain.length; end > 0; ) {
      const comma = chain.lastIndexOf(',', end - 1)
      const address = addressIn(chain.slice(comma + 1, end))
      if (address === null) return known
      if (!trusted(address)) return address
      known = address
      end = comma
    }
    return known
  }
  return Object.assign(addressOf, { isProxy })
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/

function addressIn(entry: string): string | null {
  const text = entry.trim()
  const found = WITH_PORT.exec(text)
  const address = found?.[1] ?? found?.[2] ?? text
  return isIP(address) ? ipaddr.process(address).toString() : null
}

const plain = (address: string | undefined) =>
  address !== undefined && ipaddr.isValid(address) ? ipaddr.process(address).toString() : address
