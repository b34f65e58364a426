// Switches one defence off in a copy of the repository and runs the test named. The copy shares node_modules.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { root } from '../fixtures/program.ts'
import type { Defence } from './defence.ts'

export interface Copy {
  /** `noticed`: the test failed, as it must. Anything else says why the proof does not stand. */
  switchOff(defence: Defence): Promise<string>
  remove(): void
}

const LEFT_OUT = new Set(['.git', 'node_modules', 'results'])

export function copyOfRepository(): Copy {
  const dir = mkdtempSync(join(tmpdir(), 'mooring-defences-'))
  cpSync(root, dir, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  return {
    remove: () => rmSync(dir, { recursive: true, force: true }),
    async switchOff(defence) {
      const file = join(dir, defence.file)
      const text = readFileSync(file, 'utf8')
      const times = text.split(defence.find).length - 1
      if (times !== 1) return `the text to replace occurs ${times} times in ${defence.file}`
      writeFileSync(
        file,
        text.replace(defence.find, () => defence.replace),
      )
      try {
        return verdict(await run(dir, defence))
      } finally {
        writeFileSync(file, text)
      }
    },
  }
}

interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: { message: string }[]
}

async function run(dir: string, { test, title }: Defence): Promise<Report | string> {
  const long = test.startsWith('test/long/')
  const report = join(dir, 'results', long ? 'long.json' : 'test.json')
  rmSync(report, { force: true })
  const config = long ? 'vitest.long.config.ts' : 'vitest.config.ts'
  const vitest = join(dir, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [vitest, 'run', test, '--config', config, '-t', patternOf(title)]
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-2000)
    })
  await new Promise((resolve) => child.once('close', resolve))
  try {
    return JSON.parse(readFileSync(report, 'utf8')) as Report
  } catch {
    // Without a report the run itself broke; what it printed says why.
    return output
  }
}

/** A crash while the file loads fails no test and proves nothing. */
function verdict(report: Report | string): string {
  if (typeof report === 'string') return `the run broke: ${report}`
  if (report.numFailedTests > 0) return 'noticed'
  if (report.numPassedTests > 0) return 'nobody noticed: the test passes without the defence'
  return `no such test ran. ${report.testResults.map(({ message }) => message).join(' ')}`
}

/** Titles of parametrised tests hold placeholders such as `%s`. */
function patternOf(title: string): string {
  const parts = title.split(/%[sdifjoO#]|\$\{?\w+(?:\.\w+)*\}?/)
  return parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')
}
