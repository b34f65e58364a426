// Tasks as rows: whose they are, how long that is remembered, and how many.
import { describe, expect, it } from 'vitest'
import { serverOf } from '../../test/fixtures/link-rig.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import type { Principal } from '../grants/principal.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { days } from '../kernel/time.ts'
import { createTasks, taskIdIn } from './tasks.ts'

const principal = (id: string, userId: string, clientId: string | null): Principal => ({
  id,
  kind: clientId === null ? 'key' : 'grant',
  user: { id: userId, login: userId, name: userId, role: 'member' },
  client: clientId === null ? null : { id: clientId, name: clientId },
  scopes: new Set(['mcp']),
  resource: null,
  expiresAt: null,
  eventId: 'evt_1',
})
const ada = principal('grt_1', 'usr_ada', 'cli_1')
const server = serverOf({ kind: 'http', url: 'https://notes.example/mcp' })
const other = { ...server, id: 'srv_other' }

forEachStore((_name, open) => {
  describe('a task', () => {
    it('is of the client and the person who got it, of that server, after a restart too', async () => {
      const opened = await open()
      await createTasks(testCore(opened.store)).note(ada, server, 'task-1')
      await createTasks(testCore(opened.store)).note(ada, server, 'task-1')
      const next = createTasks(testCore(await opened.reopen()))
      const asks = (who: Principal, ids = ['task-1'], at = server) => next.areOf(who, at, ids)
      expect(await asks(ada)).toBe(true)
      expect(await asks(principal('grt_signed_in_anew', 'usr_ada', 'cli_1'))).toBe(true)
      expect(await asks(principal('grt_2', 'usr_bob', 'cli_1'))).toBe(false)
      expect(await asks(principal('grt_3', 'usr_ada', 'cli_2'))).toBe(false)
      expect(await asks(principal('key_1', 'usr_ada', null))).toBe(false)
      expect(await asks(ada, ['task-1'], other)).toBe(false)
      expect(await asks(ada, ['task-1', 'task-2'])).toBe(false)
      expect(await asks(ada, ['task-1', 'task-1'])).toBe(true)
      expect(
        await asks(
          ada,
          Array.from({ length: 101 }, () => 'task-1'),
        ),
      ).toBe(false)
    })

    it('is forgotten after a week, and the oldest when there are too many', async () => {
      const clock = manualClock()
      const { store } = await open()
      const tasks = createTasks(testCore(store, clock), 10)
      for (let i = 0; i < 15; i++) {
        clock.advance(10)
        await tasks.note(ada, server, `task-${i}`)
      }
      const rows = () => store.db.selectFrom('mcp_tasks').selectAll().execute()
      expect((await rows()).length).toBeLessThanOrEqual(11)
      expect(await tasks.areOf(ada, server, ['task-0'])).toBe(false)
      expect(await tasks.areOf(ada, server, ['task-14', 'task-6'])).toBe(true)
      clock.advance(days(7) + 1)
      await tasks.sweep()
      expect((await rows()).length).toBe(0)
    })
  })
})

describe('the task in a result', () => {
  it.each([
    [{ task: { taskId: 'a', status: 'working' } }, 'a'],
    [{ resultType: 'task', taskId: 'b' }, 'b'],
    [{ content: [], taskId: 'c' }, null],
    [{ task: 'd' }, null],
    [{ resultType: 'task', taskId: 5 }, null],
  ])('of %j is %s', (result, id) => {
    expect(taskIdIn(result)).toBe(id)
  })
})
