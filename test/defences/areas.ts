// Every list of defences, by area: one file each beside this one.
import { readdirSync } from 'node:fs'
import type { Defence } from './defence.ts'

const OWN = ['areas.ts', 'defence.ts', 'run.ts', 'switch-off.ts']

export async function areas(): Promise<Map<string, readonly Defence[]>> {
  const files = readdirSync(import.meta.dirname).filter((file) => !OWN.includes(file))
  const found = new Map<string, readonly Defence[]>()
  for (const area of files.map((file) => file.replace(/\.ts$/, '')).sort()) {
    const { defences } = (await import(`./${area}.ts`)) as { defences: readonly Defence[] }
    found.set(area, defences)
  }
  return found
}
