// Writes the reference pages of docs/ from the tables in the code. `--check` writes nothing and fails when one is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cliPage } from './docs/cli-page.ts'
import { configPage } from './docs/config-page.ts'
import { errorsPage } from './docs/errors-page.ts'
import { eventsPage } from './docs/events-page.ts'

export const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'config.md': configPage,
  'errors.md': errorsPage,
  'events.md': eventsPage,
  'cli.md': cliPage,
}

const fileOf = (page: string) => fileURLToPath(new URL(`../docs/${page}`, import.meta.url))

/** Names of the pages that do not say what the code says. */
export async function stalePages(): Promise<string[]> {
  const stale: string[] = []
  for (const [page, render] of Object.entries(pages)) {
    if (readPage(page) !== (await render())) stale.push(page)
  }
  return stale
}

function readPage(page: string): string | null {
  try {
    return readFileSync(fileOf(page), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = await stalePages()
  if (!process.argv.includes('--check')) {
    for (const page of stale) writeFileSync(fileOf(page), await pages[page]!())
    console.log(stale.length === 0 ? 'Every page is up to date.' : `Wrote ${stale.join(', ')}.`)
  } else if (stale.length > 0) {
    console.error(`Stale: ${stale.join(', ')}. Run "npm run docs".`)
    process.exitCode = 1
  }
}
