// The load generator, a process of its own: hand-written HTTP/1.1 over keep-alive sockets, so that it costs little.
// Reads one job as JSON from argv[2], prints one result as JSON.
import { connect, type Socket } from 'node:net'

export interface Job {
  url: string
  headers: Record<string, string>
  tool: string
  /** Requests in flight at once, one socket each. */
  concurrency: number
  requests: number
  warmUp: number
}

export interface Measured {
  requests: number
  errors: number
  seconds: number
  p50: number
  p99: number
  /** CPU seconds of this process: a load generator at its limit measures itself. */
  cpu: number
  firstError?: string
}

/** Every n-th reply is compared whole; all others by status. */
const SAMPLE = 16
/** Pads the message so that the request body has about 150 bytes. */
const PADDING = 'm'.repeat(40)

interface Reply {
  status: number
  body: string
}

if (import.meta.main) {
  const job = JSON.parse(process.argv[2]!) as Job
  await drive({ ...job, requests: job.warmUp })
  console.log(JSON.stringify(await drive(job)))
}

async function drive({ url, headers, tool, concurrency, requests }: Job): Promise<Measured> {
  const target = new URL(url)
  const times = new Float64Array(requests)
  let next = 0
  let errors = 0
  let firstError: string | undefined
  const head =
    `POST ${target.pathname} HTTP/1.1\r\nHost: ${target.host}\r\n` +
    'Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n' +
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  const worker = async () => {
    const wire = await openWire(target)
    while (next < requests) {
      const n = next++
      const message = `${n}-${PADDING}`
      const body =
        `{"jsonrpc":"2.0","id":${n},"method":"tools/call",` +
        `"params":{"name":"${tool}","arguments":{"message":"${message}"}}}`
      const sent = performance.now()
      const reply = await wire.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
      times[n] = performance.now() - sent
      if (reply.status !== 200 || (n % SAMPLE === 0 && !repeats(reply.body, n, message))) {
        errors++
        firstError ??= `${reply.status} ${reply.body.slice(0, 200)}`
      }
    }
    wire.close()
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, requests) }, worker))
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  times.sort()
  const at = (share: number) => times[Math.min(requests - 1, Math.floor(requests * share))] ?? 0
  return {
    requests,
    errors,
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    cpu: (user + system) / 1e6,
    ...(firstError !== undefined && { firstError }),
  }
}

/** The reply, as JSON or as one SSE event, has our id and our message. */
function repeats(body: string, id: number, message: string): boolean {
  const json = body.startsWith('{') ? body : /^data: ?(\{.*)$/m.exec(body)?.[1]
  if (!json) return false
  const reply = JSON.parse(json) as { id: number; result?: { content?: { text?: string }[] } }
  return reply.id === id && (reply.result?.content?.[0]?.text?.startsWith(message) ?? false)
}

interface Wire {
  send(request: string): Promise<Reply>
  close(): void
}

async function openWire(target: URL): Promise<Wire> {
  const socket: Socket = connect({ host: target.hostname, port: Number(target.port) })
  socket.setNoDelay(true)
  let buffered = Buffer.alloc(0)
  let waiting: ((reply: Reply) => void) | undefined
  const fail = (why: string) => waiting?.({ status: 0, body: why })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => fail('connection closed'))
  socket.on('data', (chunk) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    const reply = readReply(buffered)
    if (!reply) return
    buffered = Buffer.alloc(0)
    const answer = waiting
    waiting = undefined
    answer?.(reply)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return {
    send: (request) =>
      new Promise((resolve) => {
        waiting = resolve
        if (socket.destroyed) fail('connection closed')
        else socket.write(request)
      }),
    close: () => socket.destroy(),
  }
}

/** The reply, once it is whole; one request is in flight per socket, so nothing follows it. */
function readReply(bytes: Buffer): Reply | null {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = bytes.toString('latin1', 0, headEnd)
  const status = Number(head.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = headEnd + 4 + Number(length)
    return bytes.length < end ? null : { status, body: bytes.toString('utf8', headEnd + 4, end) }
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: '' }
  if (!bytes.subarray(-5).equals(Buffer.from('0\r\n\r\n'))) return null
  return { status, body: unchunk(bytes.subarray(headEnd + 4)) }
}

function unchunk(bytes: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (!size) return Buffer.concat(parts).toString()
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 4 + size
  }
}
