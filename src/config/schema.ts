// The one definition of every setting: types, JSON Schema, environment names and docs/config.md come from here.
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { masked } from '../kernel/mask.ts'
import { Secret } from '../kernel/secret.ts'
import { isLoopbackHost, parsePublicUrl } from './public-url.ts'
import { DURATION, formatDuration, formatSize, parseDuration, parseSize, SIZE } from './units.ts'

/** How a text from a flag or the environment becomes a value. */
export type OptionKind = 'text' | 'number' | 'boolean' | 'list' | 'duration' | 'size'

export interface OptionInfo {
  kind: OptionKind
  /** For people: docs/config.md and the JSON Schema. */
  about: string
  /** Flag of `mooring serve`, when there is one. */
  flag?: string
  /** Never printed, and readable from a file through `NAME_FILE`. */
  secret?: true
}

export const optionInfo = z.registry<OptionInfo>()

function option<T extends z.ZodType>(schema: T, info: OptionInfo): T {
  const described = schema.meta({ description: info.about }) as T
  optionInfo.add(described, info)
  return described
}

const duration = (min: number, max: number) => {
  const error = 'must be a duration such as 15m, 12h or 30d'
  return z
    .union([z.int(), z.string().regex(DURATION, { error })], { error })
    .transform((value) => (typeof value === 'number' ? value : parseDuration(value)!))
    .refine((value) => value >= min && value <= max, {
      error: `must be from ${formatDuration(min)} to ${formatDuration(max)}`,
    })
}

const size = (min: number, max: number) => {
  const error = 'must be a size such as 4MB or 512KiB'
  return z
    .union([z.int(), z.string().regex(SIZE, { error })], { error })
    .transform((value) => (typeof value === 'number' ? value : parseSize(value)!))
    .refine((value) => value >= min && value <= max, {
      error: `must be from ${formatSize(min)} to ${formatSize(max)}`,
    })
}

const text = z.string({ error: 'must be a text' }).min(1, { error: 'is empty' })

const host = text.transform((value, issue) => {
  // An address, not a name: a name may mean IPv4 only, IPv6 only or both, and then half of the clients fail.
  const address = value === 'localhost' ? '127.0.0.1' : value.replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(address) && !/^\d+$/.test(address)) return address
  const written = value.includes('@') ? '' : `is ${value}, but `
  issue.addIssue(`${written}must be an IP address such as 127.0.0.1, ::1 or 0.0.0.0`)
  return z.NEVER
})

const publicUrl = text.transform((value, issue) => {
  const { origin, problem } = parsePublicUrl(value)
  if (origin !== undefined) return origin
  issue.addIssue(problem)
  return z.NEVER
})

const browserOrigin = text.transform((value, issue) => {
  const url = URL.canParse(value) ? new URL(value) : null
  const web =
    url && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname)))
  if (web && url.origin === value.replace(/\/$/, '')) return url.origin
  issue.addIssue(
    `contains ${masked(value)}, which is not an origin such as https://app.example.com`,
  )
  return z.NEVER
})

const postgresUrl = text.refine(
  (value) => /^postgres(ql)?:\/\//.test(value) && URL.canParse(value),
  { error: 'must be a URL such as postgres://user:password@host:5432/mooring' },
)

const network = text.refine((value) => ipaddr.isValid(value) || ipaddr.isValidCIDR(value), {
  error: 'must be a list of IP addresses or networks such as 10.0.0.0/8',
})

const list = <T extends z.ZodType>(of: T) => z.array(of, { error: 'must be a list' }).max(100)
const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}
const flag = z.boolean({ error: 'must be true or false' })
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` })

export const fileSchema = z.strictObject({
  host: option(host.default('127.0.0.1'), {
    kind: 'text',
    flag: '--host',
    about: 'IP address to listen on. 127.0.0.1 is this machine only; 0.0.0.0 is every interface.',
  }),
  port: option(whole(0, 65_535).default(8420), {
    kind: 'number',
    flag: '--port',
    about: 'Port to listen on; 0 takes a free one.',
  }),
  'data-dir': option(text, {
    kind: 'text',
    flag: '--data',
    about: 'Folder for the database, the key and the control socket.',
  }),
  db: option(postgresUrl.nullable().default(null), {
    kind: 'text',
    flag: '--db',
    secret: true,
    about: 'Postgres URL. Without it the data is kept with SQLite in the data folder.',
  }),
  key: option(
    text
      .min(32, {
        error: 'is too short: use at least 32 characters, for example from openssl rand -base64 32',
      })
      .refine((value) => new Set(value).size >= 8, {
        error: 'is too simple to be random: make one, for example with openssl rand -base64 32',
      })
      .transform((value) => new Secret(value))
      .nullable()
      .default(null),
    {
      kind: 'text',
      secret: true,
      about: 'Key that seals stored credentials. Without it a key file is made in the data folder.',
    },
  ),
  'public-url': option(publicUrl.nullable().default(null), {
    kind: 'text',
    flag: '--public-url',
    about:
      'Origin under which clients reach the gateway, such as https://mcp.example.com. https, except on this machine.',
  }),
  'trusted-proxies': option(list(network).default([]), {
    kind: 'list',
    about: 'Addresses or networks of proxies whose X-Forwarded-For header is believed.',
  }),
  'allowed-origins': option(list(browserOrigin).default([]), {
    kind: 'list',
    about: 'Origins of web pages that may call the endpoints from a browser, besides our own.',
  }),
  'log-level': option(oneOf(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    kind: 'text',
    about: 'How much the program logs on stderr: debug, info, warn, error or silent.',
  }),
  auth: z
    .strictObject({
      'access-token-ttl': option(duration(300, 86_400).default(900), {
        kind: 'duration',
        about: 'How long an access token is good, from 5m to 1d.',
      }),
      'refresh-token-ttl': option(duration(3600, 366 * 86_400).default(30 * 86_400), {
        kind: 'duration',
        about: 'A connection that is not used for this long ends and has to be made again.',
      }),
      registration: option(flag.default(true), {
        kind: 'boolean',
        about: 'Whether client programs may register themselves (RFC 7591).',
      }),
      'client-documents': option(flag.default(true), {
        kind: 'boolean',
        about: 'Whether clients may name themselves by the URL of a metadata document.',
      }),
    })
    .prefault({}),
  logs: z
    .strictObject({
      durability: option(oneOf(['process', 'power']).default('process'), {
        kind: 'text',
        about:
          'What log rows survive: process is the end of the process, power is a power cut (slower).',
      }),
    })
    .prefault({}),
  limits: z
    .strictObject({
      'request-bytes': option(size(1024, 256 * 1024 ** 2).default(4 * 1024 ** 2), {
        kind: 'size',
        about: 'Largest request that the endpoints accept.',
      }),
      'call-timeout': option(duration(1, 86_400).default(300), {
        kind: 'duration',
        about: 'After this long without an answer a call to a server is given up.',
      }),
      children: option(whole(1, 10_000).default(50), {
        kind: 'number',
        about: 'Most server programs (stdio) that run at once.',
      }),
      'tool-name': option(whole(48, 64).default(64), {
        kind: 'number',
        about:
          'Longest name of a tool; a longer one gets a stable alias. Claude Code accepts 64 with its own prefix: 50 leaves room for mcp__mooring__.',
      }),
      connections: option(whole(10, 1_000_000).default(16_000), {
        kind: 'number',
        about:
          'Most connections of clients at once; fewer when the account may not open as many files.',
      }),
      'connections-per-client': option(whole(1, 1_000_000).default(1000), {
        kind: 'number',
        about:
          'Most connections of one address at once, or one IPv6 /64; behind a trusted proxy, most requests at once of one address.',
      }),
      'streams-per-user': option(whole(1, 1_000_000).default(250), {
        kind: 'number',
        about: 'Most event streams that the clients of one person hold open at once.',
      }),
      'client-timeout': option(duration(4, 3600).default(60), {
        kind: 'duration',
        about:
          'How long a client may take to send a request; for the headers a quarter of it. One that reads nothing of its answer for half of it is cut.',
      }),
      'session-idle': option(duration(900, 366 * 86_400).default(86_400), {
        kind: 'duration',
        about: 'An MCP session that is not used for this long ends; its client makes a new one.',
      }),
      'sessions-per-client': option(whole(1, 100_000).default(1000), {
        kind: 'number',
        about:
          'Most MCP sessions of one connected client or API key; one more ends the one that was idle longest.',
      }),
    })
    .prefault({}),
  sandbox: option(oneOf(['auto', 'off', 'required']).default('auto'), {
    kind: 'text',
    about:
      'Isolation of server programs: auto uses what the system offers, required refuses to start them without, off is none.',
  }),
})

export type FileSettings = z.output<typeof fileSchema>
