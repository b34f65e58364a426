import { describe, expect, it } from 'vitest'
import { adminRig, audited } from '../../test/fixtures/admin-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'
import { insertGrant } from '../grants/grants.ts'
import { change } from '../logs/change.ts'
import { operator } from '../logs/event.ts'

forEachStore((_name, open) => {
  describe('grants', () => {
    async function withGrant() {
      const made = await adminRig(open)
      const { core, person } = made
      const user = (await person('anna')).json.user
      const grant = (id: string, resource: string) =>
        change(core, operator('req_test'), (unit) =>
          insertGrant(unit, {
            id,
            user_id: user.id,
            client_id: 'https://client.example/meta.json',
            client_name: 'Claude',
            client_host: 'claude.ai',
            resource,
            scopes: 'mcp',
            created_at: core.clock.now(),
            expires_at: null,
            ip: null,
            user_agent: null,
          }),
        )
      return { ...made, user, grant }
    }

    it('are listed, filtered and revoked with a reason', async () => {
      const { call, grant, user } = await withGrant()
      await grant('grt_1', 'http://127.0.0.1:8420/mcp')
      const client = encodeURIComponent('https://client.example/meta.json')
      for (const query of ['', `?userId=${user.id}`, `?clientId=${client}`]) {
        const { grants } = (await call('GET', `/grants${query}`)).json
        expect(grants).toHaveLength(1)
        expect(grants[0]).toMatchObject({ id: 'grt_1', client: { name: 'Claude' } })
      }
      expect((await call('GET', '/grants?userId=usr_other')).json.grants).toEqual([])
      await call('POST', '/grants/grt_1/revoke', { reason: 'laptop lost' })
      expect((await call('GET', '/grants')).json.grants).toEqual([])
      const { grants } = (await call('GET', '/grants?revoked=true')).json
      expect(grants[0]).toMatchObject({ revokedReason: 'laptop lost' })
    })

    it('end when the public URL changes, exactly as many as was said before', async () => {
      const { call, grant } = await withGrant()
      await grant('grt_old', 'http://127.0.0.1:8420/mcp')
      await grant('grt_new', 'https://mcp.example.com/s/notes/mcp')
      const wanted = { publicUrl: 'https://mcp.example.com/' }
      const preview = await call('POST', '/settings/public-url/preview', wanted)
      expect(preview.json).toEqual({ publicUrl: 'https://mcp.example.com', endsGrants: 1 })
      expect((await call('GET', '/grants')).json.grants).toHaveLength(2)

      const wrong = await call('PUT', '/settings/public-url', { ...wanted, endsGrants: 0 })
      expect(wrong).toMatchObject({ status: 409, json: { code: 'conflict', endsGrants: 1 } })
      expect((await call('GET', '/grants')).json.grants).toHaveLength(2)

      await call('PUT', '/settings/public-url', { ...wanted, endsGrants: 1 })
      const { grants } = (await call('GET', '/grants')).json
      expect(grants.map((row: { id: string }) => row.id)).toEqual(['grt_new'])
      expect((await call('GET', '/settings')).json.publicUrl).toEqual({
        effective: 'https://mcp.example.com',
        from: 'stored',
      })
      expect((await audited(call)).slice(0, 2)).toEqual(['setting.changed', 'grant.revoked'])

      const back = { publicUrl: null, endsGrants: 1 }
      await call('PUT', '/settings/public-url', back)
      expect((await call('GET', '/settings')).json.publicUrl).toEqual({
        effective: 'http://127.0.0.1:8420',
        from: 'default',
      })
    })

    it('a public URL that is not an origin is refused in the preview and in the change', async () => {
      const { call } = await adminRig(open)
      const wanted = { publicUrl: 'https://mcp.example.com/mcp' }
      const preview = await call('POST', '/settings/public-url/preview', wanted)
      expect(preview.json).toMatchObject({ code: 'invalid_input', status: 400 })
      const change = await call('PUT', '/settings/public-url', { ...wanted, endsGrants: 0 })
      expect(change.json).toMatchObject({ code: 'invalid_input' })
    })

    it('a public URL that a flag sets cannot be changed here', async () => {
      const { call } = await adminRig(open, { 'public-url': 'https://flag.example' })
      const wanted = { publicUrl: 'https://mcp.example.com', endsGrants: 0 }
      expect((await call('PUT', '/settings/public-url', wanted)).json).toMatchObject({
        code: 'conflict',
        detail: expect.stringContaining('--public-url'),
      })
    })
  })
})
