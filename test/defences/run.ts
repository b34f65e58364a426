// `npm run defences [AREA] [ROW]`: switches each defence off in a copy and says whether its test notices.
import { areas } from './areas.ts'
import { copyOfRepository } from './switch-off.ts'

const [area, row] = process.argv.slice(2)
const copy = copyOfRepository()
let unnoticed = 0
try {
  for (const [name, defences] of await areas()) {
    if (area && name !== area) continue
    for (const defence of defences) {
      if (row && defence.row !== row) continue
      const verdict = await copy.switchOff(defence)
      if (verdict !== 'noticed') unnoticed += 1
      console.log(`${name} ${defence.row} ${verdict}: ${defence.test} › ${defence.title}`)
    }
  }
} finally {
  copy.remove()
}
process.exitCode = unnoticed === 0 ? 0 : 7
