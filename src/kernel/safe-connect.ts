// Opens connections to checked addresses only: literals are checked here, names in the lookup, and the socket goes to
// the very address that was checked, so a name that changes its answer gains nothing.
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { buildConnector } from 'undici'
import { type AddressRules, addressAllowed, bareHost, OPT_IN } from './address-rules.ts'
import { AppError } from './app-error.ts'

export interface ResolvedAddress {
  address: string
  family: number
}

export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

export const systemResolve: Resolve = (host) => systemLookup(host, { all: true, order: 'verbatim' })

export interface SafeConnectOptions {
  rules: AddressRules
  resolve?: Resolve
  timeoutMs: number
  /** PEM of authorities to trust instead of the built-in ones. */
  ca?: string
  /** Destroys a connection that is being opened. */
  signal?: AbortSignal
}

/** For the `connect` option of an undici Agent or Pool. Refusals are AppError blocked_address. */
export function createSafeConnector(options: SafeConnectOptions): buildConnector.connector {
  const { rules, resolve = systemResolve, timeoutMs, ca, signal } = options
  const connect = buildConnector({
    timeout: timeoutMs,
    allowH2: false,
    lookup: checkedLookup(rules, resolve),
    ...(ca === undefined ? {} : { ca }),
    ...(signal === undefined ? {} : { signal }),
  })
  return (target, done) => {
    const host = bareHost(target.hostname)
    // Sockets never look up a literal, so this is the only place where one is seen.
    if (isIP(host) !== 0 && !addressAllowed(rules, host, host)) done(blocked(), null)
    else connect(target, done)
  }
}

/** One question per connection; every answer must be allowed, or none is used. */
export function checkedLookup(rules: AddressRules, resolve: Resolve): LookupFunction {
  const ask = callbackify(
    async (host: string): Promise<[ResolvedAddress, ...ResolvedAddress[]]> => {
      const [first, ...others] = await resolve(host)
      if (first === undefined) throw new Error(`${host} has no address`)
      const list: [ResolvedAddress, ...ResolvedAddress[]] = [first, ...others]
      if (!list.every(({ address }) => addressAllowed(rules, host, address))) throw blocked()
      return list
    },
  )
  return (hostname, options, done) =>
    ask(bareHost(hostname), (error, list) => {
      if (error) done(error, '')
      else if (options.all) done(null, list)
      else done(null, list[0].address, list[0].family)
    })
}

const blocked = () =>
  new AppError('blocked_address', 'The URL leads to an address that is not public.', {
    remedy: OPT_IN,
    data: { problem: 'address' },
  })
