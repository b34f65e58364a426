// Progress on the stream of one call (2025-11-25 Progress): only what carries the token of that call is the caller's.
import { expect, it } from 'vitest'
import { linkRig, toolCall } from '../../../test/fixtures/link-rig.ts'
import {
  event,
  result,
  sessionEra,
  startOdd,
  statelessEra,
  stream,
} from '../../../test/fixtures/servers/odd-http.ts'

const rig = linkRig()

it.each([
  ['session', sessionEra],
  ['stateless', statelessEra],
] as const)('of another call never reaches the caller, %s era', async (_, era) => {
  const { url } = rig.uses(
    await startOdd(
      era((request, res) => {
        const token = (request.body!.params!._meta as { progressToken?: number }).progressToken
        stream(res)
        for (const progressToken of [Number(token) + 1, [token], null, 'mine', token])
          res.write(
            event({
              jsonrpc: '2.0',
              method: 'notifications/progress',
              params: { progressToken, progress: progressToken === token ? 1 : 99 },
            }),
          )
        res.end(event(result(request, {})))
      }),
    ),
  )
  const link = await rig.open({ kind: 'http', url })
  const heard: unknown[] = []
  const call = toolCall('work', {}, { onNotification: ({ params }) => heard.push(params) })
  call.params = { ...call.params, _meta: { progressToken: 'mine' } }
  await link.request(call)
  expect(heard).toEqual([{ progressToken: 'mine', progress: 1 }])
})
