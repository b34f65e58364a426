import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ControlServer, createControlServer } from './control-server.ts'
import { readGatewayFile } from './data-lock.ts'

let dir: string
const started: ControlServer[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'control-'))
})
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop()
  rmSync(dir, { recursive: true, force: true })
})

function control(dataDir = dir, text = 'hello'): ControlServer {
  const server = createControlServer({ dataDir, fetch: () => new Response(text) })
  started.push(server)
  return server
}

const ask = (socketPath: string) =>
  new Promise<string>((done, fail) => {
    const sent = request({ socketPath, path: '/x' }, (reply) => {
      let text = ''
      reply.on('data', (chunk: Buffer) => (text += chunk.toString()))
      reply.on('end', () => done(text))
    })
    sent.on('error', fail)
    sent.end()
  })

describe('the control socket', () => {
  it('answers in the data folder, and other processes are told where', async () => {
    const { socket } = await control().start()
    expect(socket).toBe(join(dir, 'control.sock'))
    expect(readGatewayFile(dir)).toEqual({ pid: process.pid, socket })
    expect(await ask(socket)).toBe('hello')
  })

  it('is open to its owner only', async () => {
    const umask = process.umask(0)
    try {
      const { socket } = await control().start()
      expect(statSync(socket).mode & 0o777).toBe(0o600)
      expect(statSync(join(dir, 'gateway.json')).mode & 0o077).toBe(0)
      expect(process.umask()).toBe(0)
    } finally {
      process.umask(umask)
    }
  })

  it('leaves nothing behind that could be taken for a running gateway', async () => {
    const server = control()
    const { socket } = await server.start()
    await server.stop()
    await server.stop()
    expect(existsSync(socket)).toBe(false)
    expect(readGatewayFile(dir)).toBeNull()
    await expect(ask(socket)).rejects.toThrow(/ENOENT/)
  })

  it('can be started again after it was stopped', async () => {
    const first = control()
    await first.start()
    await first.stop()
    const { socket } = await control(dir, 'second').start()
    expect(await ask(socket)).toBe('second')
  })

  it('waits for an answer that is under way when it stops', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    const asked = Promise.withResolvers<void>()
    const server = createControlServer({
      dataDir: dir,
      fetch: () => {
        asked.resolve()
        return promise
      },
    })
    const { socket } = await server.start()
    const answer = ask(socket)
    await asked.promise
    const stopped = server.stop()
    resolve(new Response('late'))
    expect(await answer).toBe('late')
    await stopped
  })

  it('moves to a private folder when the data folder has too long a name, and says where', async () => {
    const long = join(dir, 'x'.repeat(120))
    mkdirSync(long)
    const server = control(long)
    const { socket } = await server.start()
    expect(Buffer.byteLength(socket)).toBeLessThan(104)
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
    expect(readGatewayFile(long)?.socket).toBe(socket)
    expect(await ask(socket)).toBe('hello')
    await server.stop()
    expect(existsSync(dirname(socket))).toBe(false)
  })
})

describe('two gateways on one data folder', () => {
  it('the second is refused and told which process has it', async () => {
    const { socket } = await control().start()
    await expect(control(dir, 'second').start()).rejects.toMatchObject({
      code: 'data_locked',
      message: `A gateway with the process id ${process.pid} is running on ${dir}.`,
      remedy: expect.stringContaining('--data'),
      data: { pid: process.pid },
    })
    expect(await ask(socket)).toBe('hello')
    expect(readGatewayFile(dir)?.socket).toBe(socket)
  })

  it('of many that start at once exactly one wins', async () => {
    const servers = Array.from({ length: 8 }, (_, i) => control(dir, String(i)))
    const ends = await Promise.allSettled(servers.map((server) => server.start()))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('two data folders do not disturb each other', async () => {
    const other = join(dir, 'other')
    mkdirSync(other)
    const [a, b] = [await control().start(), await control(other, 'other').start()]
    expect([await ask(a.socket), await ask(b.socket)]).toEqual(['hello', 'other'])
  })
})

describe('after a crash', () => {
  it('a gateway that was killed leaves the folder free, its socket and its file replaced', async () => {
    const script = `
      import { createControlServer } from ${JSON.stringify(join(import.meta.dirname, 'control-server.ts'))}
      await createControlServer({ dataDir: ${JSON.stringify(dir)}, fetch: () => new Response('old') }).start()
      console.log('up')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script])
    await once(child.stdout, 'data')
    const left = readGatewayFile(dir)
    expect(left?.pid).toBe(child.pid)
    expect(await ask(left!.socket)).toBe('old')
    await expect(control().start()).rejects.toMatchObject({ data: { pid: child.pid } })

    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(left!.socket)).toBe(true)
    const { socket } = await control(dir, 'new').start()
    expect(await ask(socket)).toBe('new')
    expect(readGatewayFile(dir)?.pid).toBe(process.pid)
  })

  it.each(['', '{"pid":', '[]', '{"pid":"x","socket":1}', 'null'])(
    'a gateway.json that holds %j counts as none',
    async (text) => {
      writeFileSync(join(dir, 'gateway.json'), text)
      expect(readGatewayFile(dir)).toBeNull()
      const { socket } = await control().start()
      expect(JSON.parse(readFileSync(join(dir, 'gateway.json'), 'utf8'))).toMatchObject({ socket })
    },
  )

  it('removes only what is its own: a folder that gateway.json names by mistake stays', async () => {
    const precious = join(dir, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'file'), 'text')
    const socket = join(precious, 'control.sock')
    writeFileSync(join(dir, 'gateway.json'), JSON.stringify({ pid: 1, socket }))
    await control().start()
    expect(existsSync(join(precious, 'file'))).toBe(true)
  })
})

describe('when the socket cannot be made', () => {
  it('says so, and lets go of the folder', async () => {
    // A folder in its place cannot be replaced by a socket.
    mkdirSync(join(dir, 'control.sock'))
    await expect(control().start()).rejects.toThrow()
    rmSync(join(dir, 'control.sock'), { recursive: true })
    await control().start()
  })

  it('a server of somebody else in its place is replaced, because the folder is ours', async () => {
    const stranger = createServer()
    stranger.listen(join(dir, 'control.sock'))
    await once(stranger, 'listening')
    const { socket } = await control().start()
    expect(await ask(socket)).toBe('hello')
    stranger.close()
  })
})
