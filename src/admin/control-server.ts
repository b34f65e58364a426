// The control socket: how the command line reaches a running gateway. Whoever can open it governs the gateway, so only
// the account that owns the data folder can.
import { chmodSync, existsSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { AppError } from '../kernel/app-error.ts'
import { gatewayFile, lockDataFolder, readGatewayFile } from './data-lock.ts'

const PRIVATE = 'mooring-socket-'
/** sun_path holds 108 bytes on Linux and 104 elsewhere, the last of them zero. */
const LONGEST = process.platform === 'linux' ? 107 : 103

export interface ControlServer {
  /** Takes the data folder for this process, then answers. @throws AppError data_locked */
  start(): Promise<{ socket: string }>
  stop(): Promise<void>
}

export interface ControlDeps {
  /** Must exist. */
  dataDir: string
  /** The admin app. */
  fetch: (request: Request) => Response | Promise<Response>
}

export function createControlServer({ dataDir, fetch }: ControlDeps): ControlServer {
  let stop: (() => Promise<void>) | null = null
  return {
    start: async () => {
      const lock = lockDataFolder(dataDir)
      const socket = socketPath(dataDir)
      try {
        // The lock is ours, so what lies there was left behind by a gateway that is gone.
        cleanUp(dataDir, readGatewayFile(dataDir)?.socket)
        rmSync(socket, { force: true })
        const server = createServer(getRequestListener(fetch, { overrideGlobalObjects: false }))
        // A command asks once and goes: nothing to keep open, nothing to wait for when stopping.
        server.maxRequestsPerSocket = 1
        await listen(server, socket)
        writeFileSync(gatewayFile(dataDir), JSON.stringify({ pid: process.pid, socket }), {
          mode: 0o600,
        })
        // The open server holds on to the lock: a lock that nobody refers to would be collected, and thereby let go.
        server.once('close', () => {
          cleanUp(dataDir, socket)
          lock.release()
        })
        stop = () =>
          new Promise<void>((done) => {
            server.close(() => done())
            server.closeIdleConnections()
          })
        return { socket }
      } catch (error) {
        lock.release()
        throw error
      }
    },
    stop: async () => {
      const once = stop
      stop = null
      await once?.()
    },
  }
}

/** In the data folder, or where that is too long for a socket in a private folder that gateway.json names. */
function socketPath(dataDir: string): string {
  const own = join(dataDir, 'control.sock')
  if (Buffer.byteLength(own) <= LONGEST) return own
  return join(mkdtempSync(join(tmpdir(), PRIVATE)), 'control.sock')
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise<void>((done, fail) => {
    server.once('error', (error) =>
      fail(
        new AppError(
          'data_locked',
          `The control socket ${socket} cannot be made: ${error.message}`,
          {
            remedy:
              'The data folder must be on a local disk that supports sockets; choose one with --data.',
            cause: error,
          },
        ),
      ),
    )
    // listen() makes the socket before it returns: nobody else may open it from the first moment on.
    const umask = process.umask(0o177)
    server.listen(socket, () => {
      chmodSync(socket, 0o600)
      done()
    })
    process.umask(umask)
  })
}

function cleanUp(dataDir: string, socket: string | undefined): void {
  rmSync(gatewayFile(dataDir), { force: true })
  if (socket === undefined) return
  rmSync(socket, { force: true })
  const folder = dirname(socket)
  // Only a folder that socketPath() made, and never with anything in it.
  if (folder !== dataDir && existsSync(folder) && basename(folder).startsWith(PRIVATE))
    rmdirSync(folder)
}
