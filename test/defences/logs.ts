// What is switched off to see that the tests of the sealed log notice. Run: npm run defences logs
import type { Defence } from './defence.ts'

const sealed = { row: 'A30', file: 'src/logs/verify.ts', test: 'src/logs/sealer.test.ts' }

export const defences: readonly Defence[] = [
  {
    ...sealed,
    find: 'if (at === -1) return null',
    replace: 'if (at !== -2) return null',
    title: 'names a row that was changed',
  },
  {
    ...sealed,
    find: 'if (!signatureHolds(seal, key)) return',
    replace: 'if (seal.n < 0) return',
    title: 'is not satisfied by a seal that was recomputed after the rows',
  },
  {
    ...sealed,
    find: '  if (checkpoint !== undefined && checkpoint !== seal.hash)\n',
    replace: '  if (checkpoint === null)\n',
    title: 'notices by the checkpoints that all was written anew with the right key',
  },
]
