// The floor for a proxy in Node: node:http in, undici dispatch out, bytes through, nothing looked at.
// As a program: node bare-proxy.ts UPSTREAM_URL; prints its URL. Mooring's cost is stated as a ratio to this.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

const upstream = new URL(process.argv[2]!)
const pool = new Pool(upstream.origin, { connections: 64, pipelining: 1 })

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date'])

const server = createServer((req, res) => {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    pool.dispatch(
      {
        path: upstream.pathname,
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: req.headers.accept ?? '*/*' },
        body,
      },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, status, headers) => {
          for (const [name, value] of Object.entries(headers))
            if (!HOP_BY_HOP.has(name) && value !== undefined) res.setHeader(name, value)
          res.writeHead(status)
        },
        onResponseData: (_controller, chunk) => void res.write(chunk),
        onResponseEnd: () => void res.end(),
        onResponseError: () => void res.writeHead(502).end(),
      },
    )
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
)
