// The unit in which addresses are counted: one IPv4 address, or one IPv6 /64, because a single home has 2^64 of them.
import ipaddr from 'ipaddr.js'

/** `203.0.113.7`, `2001:db8:1:2::/64`; IPv4 in IPv6 counts as IPv4. What is no address is its own unit. */
export function networkOf(ip: string | undefined): string {
  if (ip === undefined || !ipaddr.isValid(ip)) return ip ?? 'unknown'
  const address = ipaddr.process(ip)
  if (address.kind() === 'ipv4') return address.toString()
  const bytes = address.toByteArray().fill(0, 8)
  return `${ipaddr.fromByteArray(bytes).toString()}/64`
}
