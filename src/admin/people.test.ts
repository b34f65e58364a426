import { describe, expect, it } from 'vitest'
import { adminRig, audited } from '../../test/fixtures/admin-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

forEachStore((_name, open) => {
  describe('users', () => {
    it('are created, listed, disabled and enabled, each with its event', async () => {
      const { call, person } = await adminRig(open)
      const made = await person('Anna', 'admin')
      expect(made.status).toBe(201)
      expect(made.json.user).toEqual({
        id: expect.stringMatching(/^usr_/),
        login: 'Anna',
        name: 'Anna',
        role: 'admin',
        createdAt: '2026-11-21T12:00:00.000Z',
        lastSignInAt: null,
        disabledAt: null,
      })
      await person('ben')
      const { json } = await call('POST', '/users/ben/disable')
      expect(json.user.disabledAt).toBe('2026-11-21T12:00:00.000Z')
      expect((await call('POST', '/users/ben/enable')).json.user.disabledAt).toBeNull()
      const { users } = (await call('GET', '/users')).json
      expect(users.map((user: { login: string }) => user.login)).toEqual(['Anna', 'ben'])
      expect(await audited(call)).toEqual([
        'user.enabled',
        'user.disabled',
        'user.created',
        'user.created',
      ])
    })

    it('a login name with a slash and a percent sign finds its way', async () => {
      const { call, person } = await adminRig(open)
      await person('a/b%c')
      const { status, json } = await call('POST', `/users/${encodeURIComponent('a/b%c')}/disable`)
      expect([status, json.user.login]).toEqual([200, 'a/b%c'])
    })

    it('the same name twice is a conflict, told as a problem', async () => {
      const { call, person } = await adminRig(open)
      await person('anna')
      const again = await call('POST', '/users', { login: 'ANNA', role: 'member' })
      expect(again.status).toBe(409)
      expect(again.type).toBe('application/problem+json')
      expect(again.json).toMatchObject({
        type: 'urn:mooring:error:conflict',
        status: 409,
        code: 'conflict',
        detail: expect.stringContaining('ANNA'),
        remedy: expect.any(String),
      })
    })

    it('a password goes in and never comes out', async () => {
      const { call } = await adminRig(open)
      const password = 'canary-7f3a passphrase'
      const made = await call('POST', '/users', { login: 'anna', role: 'admin', password })
      expect(made.status).toBe(201)
      const changed = await call('PUT', '/users/anna/password', { password: `${password} 2` })
      expect(changed.json).toEqual({ login: 'anna' })
      const weak = await call('PUT', '/users/anna/password', { password: 'canary' })
      expect(weak.status).toBe(400)
      const all = [
        made,
        changed,
        weak,
        await call('GET', '/users'),
        await call('GET', '/logs/audit'),
      ]
      expect(JSON.stringify(all)).not.toContain('canary')
    })

    it('a setup link is given as long as there is no admin', async () => {
      const { call, person } = await adminRig(open)
      const { status, json } = await call('POST', '/users/setup-link')
      expect(status).toBe(201)
      expect(json.url).toMatch(/^http:\/\/127\.0\.0\.1:8420\/setup\?token=\S{40,}$/)
      expect(json.expiresAt).toBe('2026-11-21T12:15:00.000Z')
      await person('anna', 'admin')
      expect((await call('POST', '/users/setup-link')).json.code).toBe('conflict')
    })
  })

  describe('keys', () => {
    it('are shown once, listed without the secret, and revoked', async () => {
      const { call, person } = await adminRig(open)
      await person('anna')
      const made = await call('POST', '/keys', { userLogin: 'anna', name: 'ci', ttlMs: 3_600_000 })
      expect(made).toMatchObject({
        status: 201,
        json: {
          id: expect.stringMatching(/^key_/),
          key: expect.stringMatching(/^mk_/),
          expiresAt: '2026-11-21T13:00:00.000Z',
        },
      })
      const { keys } = (await call('GET', '/keys')).json
      expect(keys).toHaveLength(1)
      expect(keys[0]).toMatchObject({ id: made.json.id, user: { login: 'anna' }, scopes: ['mcp'] })
      expect(JSON.stringify(keys)).not.toContain(made.json.key)
      const revoked = await call('POST', `/keys/${made.json.id}/revoke`)
      expect(revoked.json).toEqual({ id: made.json.id, revoked: true })
      expect((await call('GET', '/keys')).json.keys[0].revokedAt).toBe('2026-11-21T12:00:00.000Z')
    })

    it('may never expire, and may be limited', async () => {
      const { call, person } = await adminRig(open)
      await person('anna')
      const limits = { scopes: ['notes:read'], resource: '/s/notes/mcp', ttlMs: null }
      const made = await call('POST', '/keys', { userLogin: 'anna', name: 'ci', ...limits })
      expect(made.json.expiresAt).toBeNull()
      const { keys } = (await call('GET', '/keys')).json
      expect(keys[0]).toMatchObject({ scopes: ['notes:read'], resource: '/s/notes/mcp' })
    })

    it('are listed for one person', async () => {
      const { call, person } = await adminRig(open)
      const anna = (await person('anna')).json.user
      await person('ben')
      for (const userLogin of ['anna', 'ben']) await call('POST', '/keys', { userLogin, name: 'x' })
      const { keys } = (await call('GET', `/keys?userId=${anna.id}`)).json
      expect(keys.map((key: { user: { login: string } }) => key.user.login)).toEqual(['anna'])
    })

    it('for nobody, and revoking nothing, are not found', async () => {
      const { call } = await adminRig(open)
      expect((await call('POST', '/keys', { userLogin: 'x', name: 'y' })).status).toBe(404)
      expect((await call('POST', '/keys/key_none/revoke')).json.code).toBe('not_found')
    })
  })

  describe('clients', () => {
    it('are added by hand, shown, trusted and revoked, also with a URL as their id', async () => {
      const { call } = await adminRig(open)
      const redirectUris = ['https://claude.ai/api/mcp/auth_callback']
      const made = await call('POST', '/clients', { name: 'Claude', redirectUris })
      expect(made.status).toBe(201)
      expect(made.json.secret.length).toBeGreaterThan(20)
      const one = `/clients/one?id=${encodeURIComponent(made.json.id)}`
      expect((await call('GET', one)).json.client).toMatchObject({ name: 'Claude', redirectUris })
      await call('POST', '/clients/trust', { id: made.json.id })
      expect((await call('GET', one)).json.client.trusted).toBe(true)
      await call('POST', '/clients/revoke', { id: made.json.id })
      expect((await call('GET', one)).json.client.revokedAt).not.toBeNull()
      const shown = JSON.stringify([
        await call('GET', '/clients'),
        await call('GET', '/logs/audit'),
      ])
      expect(shown).not.toContain(made.json.secret)
      const none = `/clients/one?id=${encodeURIComponent('https://none.example/a?b')}`
      expect((await call('GET', none)).status).toBe(404)
    })
  })
})
