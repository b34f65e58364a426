// Which Host and Origin headers are ours: checked before anything reads them (DNS rebinding, links built from Host).
import { AppError } from '../kernel/app-error.ts'

export interface Hosts {
  /** @throws AppError wrong_host */
  check(host: string | undefined): void
  originAllowed(origin: string): boolean
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

export interface HostOptions {
  publicOrigin(): string
  /** Address and port in use; the port is known only after listening. */
  listening(): { host: string; port: number }
  allowedOrigins: readonly string[]
}

export function createHosts({ publicOrigin, listening, allowedOrigins }: HostOptions): Hosts {
  const extra = new Set(allowedOrigins)
  let cached: { of: string; names: Set<string> } | null = null
  const own = (): Set<string> => {
    const { host, port } = listening()
    const of = `${publicOrigin()} ${host} ${port}`
    if (cached?.of === of) return cached.names
    const loopback = isLoopback(host) || host === '0.0.0.0' || host === '::'
    const names = new Set([
      new URL(publicOrigin()).host,
      ...(loopback ? LOOPBACK : [bracketed(host)]).map((name) =>
        port === 80 ? name : `${name}:${port}`,
      ),
    ])
    cached = { of, names }
    return names
  }
  return {
    check(host) {
      if (host !== undefined && own().has(host.toLowerCase())) return
      throw new AppError('wrong_host', `This gateway is not "${(host ?? '').slice(0, 200)}".`, {
        remedy: `Its address is ${publicOrigin()}. If that is wrong, set public-url.`,
      })
    },
    originAllowed: (origin) =>
      origin === publicOrigin() || extra.has(origin) || isOwnLoopback(origin, own()),
  }
}

function isOwnLoopback(origin: string, hosts: Set<string>): boolean {
  const match = /^http:\/\/(.+)$/.exec(origin)
  return (
    match?.[1] !== undefined && hosts.has(match[1]) && isLoopback(match[1].replace(/:\d+$/, ''))
  )
}

export const isLoopback = (host: string) =>
  host === 'localhost' || host === '[::1]' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const bracketed = (host: string) =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
