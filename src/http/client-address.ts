// Where a request came from: the socket, or what a trusted proxy says of it (never the header alone).
import type { IncomingMessage } from 'node:http'
import ipaddr from 'ipaddr.js'

export type ClientAddress = (req: IncomingMessage) => string | undefined

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
  return (req) => {
    const peer = plain(req.socket.remoteAddress)
    if (peer === undefined || ranges.length === 0 || !trusted(peer)) return peer
    const forwarded = String(req.headers['x-forwarded-for'] ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => ipaddr.isValid(part))
    // From the right: the first address that is not a proxy of ours is the client.
    return forwarded.reverse().find((address) => !trusted(address)) ?? peer
  }
}

const plain = (address: string | undefined) =>
  address !== undefined && ipaddr.isValid(address) ? ipaddr.process(address).toString() : address
