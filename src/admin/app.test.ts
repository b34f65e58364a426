import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { adminRig, audited } from '../../test/fixtures/admin-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'
import { fromProblem } from './problem.ts'

forEachStore((name, open) => {
  describe('servers', () => {
    const spec = { kind: 'http', url: 'http://127.0.0.1:1/mcp' }

    it('are added, listed with the people who may use them, changed and removed', async () => {
      const { call, person } = await adminRig(open)
      await person('anna')
      const secret = { headers: { Authorization: 'Bearer canary' } }
      const made = await call('POST', '/servers', {
        name: 'notes',
        spec,
        secret,
        permit: 'read-only',
        people: ['anna'],
      })
      expect(made.status).toBe(201)
      const { servers } = (await call('GET', '/servers')).json
      expect(servers).toMatchObject([{ name: 'notes', permit: 'read-only', logins: ['anna'] }])
      const changed = await call('PATCH', '/servers/notes', { permit: 'all', people: null })
      expect(changed.json.server).toMatchObject({ permit: 'all', people: null })
      const shown = JSON.stringify([made, servers, changed, await call('GET', '/logs/audit')])
      expect(shown).not.toContain('canary')
      expect((await call('DELETE', '/servers/notes')).json).toEqual({
        name: 'notes',
        removed: true,
      })
      expect((await call('GET', '/servers')).json.servers).toEqual([])
    })

    it('are tested without being stored', async () => {
      const { call } = await adminRig(open)
      const tested = await call('POST', '/servers/test', {
        spec: { kind: 'builtin', program: 'demo' },
      })
      expect(tested.status).toBe(200)
      expect(tested.json.tools.length).toBeGreaterThan(0)
      expect(tested.json.tools[0]).toEqual({
        name: expect.any(String),
        description: expect.any(String),
        level: expect.stringMatching(/^(read|write|admin)$/),
        hidden: null,
      })
      const failed = await call('POST', '/servers/test', { spec })
      expect(failed.json.code).toBe('server_unreachable')
      expect((await call('GET', '/servers')).json.servers).toEqual([])
    })

    it('a stored one is tested by name, an unknown one is not', async () => {
      const { call } = await adminRig(open)
      await call('POST', '/servers', { name: 'd', spec: { kind: 'builtin', program: 'demo' } })
      expect((await call('POST', '/servers/d/test')).json.tools.length).toBeGreaterThan(0)
      expect((await call('POST', '/servers/nope/test')).json.code).toBe('server_unknown')
    })
  })

  describe('logs', () => {
    it('are read by time, word and page; details come as JSON', async () => {
      const { call, person, core } = await adminRig(open)
      await person('anna')
      core.clock.advance(60_000)
      const later = core.clock.now()
      await person('ben')
      const logins = async (query: string) => {
        const { json } = await call('GET', `/logs/audit${query}`)
        return json.events.map((event: { targetName: string }) => event.targetName)
      }
      expect(await logins('')).toEqual(['ben', 'anna'])
      expect(await logins(`?sinceMs=${later}`)).toEqual(['ben'])
      expect(await logins('?search=anna')).toEqual(['anna'])
      expect(await logins('?limit=1')).toEqual(['ben'])
      const { events } = (await call('GET', '/logs/audit?limit=1')).json
      expect(await logins(`?beforeSeq=${events[0].seq}`)).toEqual(['anna'])
      expect(events[0]).toMatchObject({
        at: '2026-11-21T12:01:00.000Z',
        code: 'user.created',
        actorName: 'command line',
        detail: { role: 'member' },
      })
      expect((await call('GET', '/logs/workload')).json).toEqual({ events: [] })
    })

    it('are verified', async () => {
      const { call, person } = await adminRig(open)
      await person('anna')
      const { json } = await call('POST', '/audit/verify')
      expect(json.ok).toBe(true)
      expect(json.streams.map((one: { stream: string }) => one.stream).sort()).toEqual([
        'audit',
        'auth',
        'workload',
      ])
    })
  })

  describe('what is wrong with a request', () => {
    it.each([
      ['POST', '/users', 'no json', 'bad_request'],
      ['POST', '/users', '', 'bad_request'],
      ['POST', '/users', [], 'invalid_input'],
      ['POST', '/users', { login: 'x' }, 'invalid_input'],
      ['POST', '/users', { login: 'x', role: 'boss' }, 'invalid_input'],
      ['POST', '/users', { login: 'x', role: 'member', extra: 1 }, 'invalid_input'],
      ['POST', '/keys', { userLogin: 'x', name: 'y', ttlMs: 1.5 }, 'invalid_input'],
      ['POST', '/servers', { name: 'x', spec: { kind: 'ftp' } }, 'invalid_input'],
      ['POST', '/servers', { name: 'x', spec: { kind: 'http', url: 'x' } }, 'invalid_input'],
      ['PATCH', '/servers/x', { permit: 'some' }, 'invalid_input'],
      ['GET', '/logs/audit?limit=0', undefined, 'invalid_input'],
      ['GET', '/logs/audit?limit=1001', undefined, 'invalid_input'],
      ['GET', '/logs/audit?since=1h', undefined, 'invalid_input'],
      ['GET', '/grants?revoked=yes', undefined, 'invalid_input'],
      ['GET', '/logs/other', undefined, 'wrong_path'],
      ['GET', '/nothing', undefined, 'wrong_path'],
      ['DELETE', '/users', undefined, 'wrong_path'],
    ])('%s %s %j is %s, and nothing is written', async (method, path, body, code) => {
      const { call } = await adminRig(open)
      const { status, type, json } = await call(method, path, body)
      expect(json.code).toBe(code)
      expect(status).toBe(json.status)
      expect(type).toBe('application/problem+json')
      expect(json.remedy).toBeTruthy()
      expect(await audited(call)).toEqual([])
    })

    it('names every mistake by its place', async () => {
      const { call } = await adminRig(open)
      const { json } = await call('POST', '/users', { login: 5, role: 'boss' })
      expect(json.problems).toHaveLength(2)
      expect(json.detail).toMatch(/^login: .*\nrole: /)
    })
  })

  it(`says which store it stands on (${name})`, async () => {
    const { call, dir } = await adminRig(open)
    expect((await call('GET', '/status')).json).toEqual({
      pid: process.pid,
      serving: true,
      url: 'http://127.0.0.1:8420',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      store: name,
      dataDir: dir,
    })
  })

  it('a fault of ours tells the caller a reference and nothing of the inside', async () => {
    const { call, core } = await adminRig(open)
    await core.store.close()
    const { json } = await call('GET', '/users')
    const error = fromProblem(json, json.status)
    expect(['internal', 'storage_unavailable']).toContain(error.code)
    expect(JSON.stringify(json)).not.toMatch(/select|from users|node_modules/)
    expect(z.string().parse(error.remedy)).toBeTruthy()
  })
})
