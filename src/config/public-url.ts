// The public URL is the issuer, the audience of every token and the host that requests must name: it has to be exact.
import ipaddr from 'ipaddr.js'

/** localhost, *.localhost, 127.0.0.0/8 and ::1: what never leaves the machine. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '')
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback'
}

/** The origin (`https://mcp.example.com`), or what is wrong and what to write instead. */
export function parsePublicUrl(
  text: string,
): { origin: string; problem?: undefined } | { origin?: undefined; problem: string } {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return { problem: `has no scheme; write https://${text.replace(/^\/+|.*@/g, '')}` }
  if (!URL.canParse(text)) return { problem: 'is not a URL; write it like https://mcp.example.com' }
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return { problem: `has the scheme ${url.protocol.slice(0, -1)}; clients reach it over https` }
  if (url.username || url.password)
    return { problem: `contains a user name or password; write ${url.origin}` }
  if (url.pathname !== '/')
    return {
      problem:
        `has the path ${url.pathname}, but is only the origin, because sign-in metadata stands at fixed ` +
        `paths below it; write ${url.origin}`,
    }
  if (url.search || url.hash || text.includes('?') || text.includes('#'))
    return { problem: `has a query or fragment; write ${url.origin}` }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    return {
      problem:
        'is plain http on a host that is not this machine, so every token would cross the network readable, ' +
        `and clients refuse to sign in; put a proxy with TLS in front and write https://${url.host}`,
    }
  return { origin: url.origin }
}
