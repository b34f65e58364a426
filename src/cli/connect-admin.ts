// One admin API, reached in one of two ways: over the control socket of a running gateway, or in this process on the
// store itself when none runs. head.seq keeps every process right in either case.
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { readGatewayFile } from '../admin/data-lock.ts'
import { fromProblem } from '../admin/problem.ts'
import type { Loaded } from '../config/load.ts'
import { AppError } from '../kernel/app-error.ts'

export interface Admin {
  /** @throws AppError as the verb behind it threw it */
  call<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<T>
  close(): Promise<void>
}

/** Sends a request somewhere and gives back what came. */
export type Send = (request: {
  method: string
  path: string
  body: string | null
}) => Promise<{ status: number; text: string }>

export async function connectAdmin(loaded: Loaded): Promise<Admin> {
  const gateway = readGatewayFile(loaded.settings.dataDir)
  if (gateway && (await answers(gateway.socket)))
    return adminOver(overSocket(gateway.socket), async () => {})
  const { openLocal } = await import('./open-local.ts')
  const { app, close } = await openLocal(loaded)
  const send: Send = async ({ method, path, body }) => {
    const headers = { 'content-type': 'application/json' }
    const reply = await app.request(path, { method, headers, body })
    return { status: reply.status, text: await reply.text() }
  }
  return adminOver(send, close)
}

export function adminOver(send: Send, close: () => Promise<void>): Admin {
  return {
    call: async <T>(method: string, path: string, body?: unknown) => {
      const { status, text } = await send({
        method,
        path: `/api/v1${path}`,
        body: body === undefined ? null : JSON.stringify(body),
      })
      const answer = parse(text, status)
      if (status >= 400) throw fromProblem(answer, status)
      return answer as T
    },
    close,
  }
}

function parse(text: string, status: number): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError(
      'internal',
      `The gateway answered ${status} with something that is no JSON.`,
      {
        remedy: 'A gateway of another version may be running: restart it.',
        cause: error,
      },
    )
  }
}

/** Whether somebody listens; a socket left behind by a crash refuses. */
function answers(socket: string): Promise<boolean> {
  return new Promise((done) => {
    const connection = connect(socket)
    connection.once('connect', () => {
      connection.destroy()
      done(true)
    })
    connection.once('error', () => done(false))
  })
}

const overSocket =
  (socket: string): Send =>
  ({ method, path, body }) =>
    new Promise((done, fail) => {
      const headers = body === null ? {} : { 'content-type': 'application/json' }
      const request = httpRequest({ socketPath: socket, method, path, headers }, (reply) => {
        const chunks: Buffer[] = []
        reply.on('data', (chunk: Buffer) => chunks.push(chunk))
        reply.on('end', () =>
          done({ status: reply.statusCode ?? 500, text: Buffer.concat(chunks).toString() }),
        )
        reply.on('error', lost)
      })
      const lost = (error: Error) =>
        fail(
          new AppError('server_closed', `The gateway went away in the middle: ${error.message}`, {
            remedy: 'See whether it did what was asked, then run the command again.',
            cause: error,
          }),
        )
      request.on('error', lost)
      request.end(body ?? undefined)
    })
