import { expect, test } from 'vitest'
import { reachOf } from './reach.ts'

test.each([
  ['https://mooring.fennwick.example', 'public'],
  ['https://203.0.114.9', 'public'],
  ['https://[2606:4700::1]', 'public'],
  ['http://127.0.0.1:8420', 'loopback'],
  ['http://127.1.2.3:8420', 'loopback'],
  ['http://localhost:8420', 'loopback'],
  ['https://localhost', 'loopback'],
  ['http://mooring.localhost', 'loopback'],
  ['http://[::1]:8420', 'loopback'],
  ['http://0.0.0.0:8420', 'loopback'],
  ['https://10.1.2.3', 'private'],
  ['https://192.168.1.4', 'private'],
  ['https://100.64.0.1', 'private'],
  ['https://[fd00::1]', 'private'],
  ['https://[::ffff:10.0.0.1]', 'private'],
  ['https://gateway', 'private'],
  ['https://gateway.local', 'private'],
  ['https://gateway.corp.internal', 'private'],
  ['http://mooring.fennwick.example', 'plain'],
  ['http://192.168.1.4:8420', 'plain'],
  ['not an address', 'loopback'],
])('%s is %s', (origin, reach) => {
  expect(reachOf(origin)).toBe(reach)
})
