// What is switched off to see that the tests of slow clients and of bounds notice. Run: npm run defences slow
import type { Defence } from './defence.ts'

const connections = { file: 'src/http/connections.ts', test: 'src/http/connections.test.ts' }
const sse = { file: 'src/gateway/sse.ts', test: 'src/gateway/sse.test.ts' }
const memory = { row: 'F19', file: 'src/kernel/memory.ts', test: 'src/kernel/memory.test.ts' }

export const defences: readonly Defence[] = [
  {
    ...connections,
    row: 'C8b',
    find: '      cut(oldest)\n      return true\n',
    replace: '      return false\n',
    title: 'that were never used give way to one of the same client, the oldest first',
  },
  {
    ...connections,
    row: 'A35',
    find: 'client.open >= limits.perClient &&',
    replace: 'client.open < 0 &&',
    title: 'in use do not: one more of that client is refused, and one of another is not',
  },
  {
    ...connections,
    row: 'A35',
    find: '    deps.closeIdle()\n',
    replace: '',
    title: 'that wait between two requests give way when the total is reached',
  },
  {
    ...connections,
    row: 'F19',
    find: 'open.size - told.size >= limits.total &&',
    replace: 'open.size < 0 &&',
    title: 'over the total are told so when all others are busy',
  },
  {
    ...connections,
    row: 'C8b',
    find: 'socket.writableLength > 0',
    replace: 'socket.writableLength < 0',
    title: 'whose client reads nothing are cut, however long a silent call may take',
  },
  {
    ...sse,
    row: 'F11',
    find: 'res.writableLength > UNREAD_LIMIT',
    replace: 'res.writableLength < 0',
    title: 'is cut when its client does not read, before it fills the memory',
  },
  {
    ...sse,
    row: 'F8',
    find: 'let closed = res.closed',
    replace: 'let closed = false',
    title: 'is closed from the start when the client went away before, and never beats',
  },
  {
    row: 'F10',
    file: 'src/gateway/heartbeats.ts',
    find: 'next = (next + 23) % SLOTS',
    replace: 'next = 1',
    test: 'src/gateway/heartbeats.test.ts',
    title: 'come once in every interval for each stream, and never for many in the same tick',
  },
  {
    row: 'A35',
    file: 'src/gateway/streams.ts',
    find: '(open.get(userId)?.size ?? 0) < perUser',
    replace: 'userId !== perUser.toString()',
    test: 'src/gateway/streams.test.ts',
    title:
      'has no room for one more of a person who holds as many as allowed, by whatever credential',
  },
  {
    ...memory,
    find: 'held + bytes > limit',
    replace: 'held + bytes < 0',
    title: 'is refused when the others hold it, and granted when one of them is done',
  },
  {
    ...memory,
    find: 'memory.give(owner, taken)',
    replace: 'memory.give(owner, 0)',
    title: 'is refused when the others hold it, and granted when one of them is done',
  },
  {
    row: 'F21',
    file: 'src/telemetry/stall-watch.ts',
    find: 'stoodMs >= longestMs',
    replace: 'stoodMs < 0',
    test: 'src/telemetry/stall-watch.test.ts',
    title: 'says how long the loop stood still',
  },
  {
    row: 'F8',
    file: 'src/gateway/sse.ts',
    find: "if (!res.writableEnded) res.write(':\\n\\n')",
    replace: "res.write(':\\n\\n')",
    test: 'src/gateway/sse.test.ts',
    title: 'that was ended by somebody else says nothing more, before its client has read it all',
  },
  {
    row: 'A35',
    file: 'src/http/connections.ts',
    find: '      !makeRoom(client.unused) &&\n      !closeIdleOf(client)\n',
    replace: '      !makeRoom(client.unused)\n',
    test: 'src/http/connections.test.ts',
    title: 'that wait between two requests give way to a newcomer of the same client',
  },
  {
    row: 'F19',
    file: 'src/kernel/memory.ts',
    find: ' || (share > limit / SHARES && before > ofThis)',
    replace: '',
    test: 'src/kernel/memory.test.ts',
    title: 'is shared: one person holds a quarter of it at most, or a single body',
  },
]
