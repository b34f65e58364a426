// What happens to the news of a server when the stream that brings them is lost.
import { expect, test } from 'vitest'
import { linkRig, signalled } from '../../../test/fixtures/link-rig.ts'
import {
  json,
  type OddRequest,
  result,
  sessionEra,
  startOdd,
  statelessEra,
  stream,
} from '../../../test/fixtures/servers/odd-http.ts'

const rig = linkRig()
const tools = (request: OddRequest) => result(request, { tools: [] })

test('a session that was lost while nobody called is noticed, and its lists are to be read again', async () => {
  let restarted = false
  const listening = signalled()
  const plain = sessionEra((request, res) => json(res, 200, tools(request)))
  const server = rig.uses(
    await startOdd((request, res) => {
      if (request.method !== 'GET') return plain(request, res)
      if (restarted) return res.writeHead(404).end()
      stream(res).flushHeaders()
      return listening.settle()
    }),
  )
  const link = await rig.open({ kind: 'http', url: server.url })
  const told = signalled<string>()
  link.onNotification(({ method }) => told.settle(method))
  await listening.promise
  restarted = true
  server.cut()
  expect(await told.promise).toBe('notifications/tools/list_changed')
  expect(link.closed).toMatchObject({ code: 'server_closed' })
})

test('a server that never had a stream is not taken for one that was restarted', async () => {
  const asked = signalled()
  const plain = sessionEra((request, res) => json(res, 200, tools(request)))
  const server = rig.uses(
    await startOdd((request, res) => {
      if (request.method !== 'GET') return plain(request, res)
      res.writeHead(404).end()
      return asked.settle()
    }),
  )
  const link = await rig.open({ kind: 'http', url: server.url })
  link.onNotification(() => undefined)
  await asked.promise
  await link.notify({ method: 'notifications/roots/list_changed' })
  expect(link.closed).toBeNull()
})

test('a subscription that broke and is open again tells that something may have been missed', async () => {
  let opened = 0
  const [first, told] = [signalled(), signalled<string>()]
  const plain = statelessEra((request, res) => json(res, 200, tools(request)), {
    tools: { listChanged: true },
  })
  const server = rig.uses(
    await startOdd((request, res) => {
      if (request.body?.method !== 'subscriptions/listen') return plain(request, res)
      opened++
      stream(res).flushHeaders()
      return first.settle()
    }),
  )
  const link = await rig.open({ kind: 'http', url: server.url })
  link.onNotification(({ method }) => told.settle(method))
  await first.promise
  server.cut()
  expect(await told.promise).toBe('notifications/tools/list_changed')
  expect(opened).toBe(2)
})
