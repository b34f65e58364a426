// mooring config check | print | schema
import type { Command } from 'commander'
import { jsonSchema } from '../config/options.ts'
import { showSettings } from '../config/print.ts'
import type { Go } from './context.ts'
import { table } from './text.ts'

export function register(config: Command, go: Go): void {
  config
    .command('check')
    .description('Check flags, environment and mooring.yaml without starting anything.')
    .action(
      go(async (ctx) => {
        const { configFile, settings } = ctx.load()
        ctx.print(
          { ok: true, configFile, dataDir: settings.dataDir },
          `The configuration is right (${configFile ?? 'no file; environment and defaults'}).\n`,
        )
      }),
    )

  config
    .command('print')
    .description('Show the settings in force and where each came from. Secrets are not shown.')
    .action(
      go(async (ctx) => {
        const loaded = ctx.load()
        const settings = showSettings(loaded)
        const rows = settings.map(({ key, value, from }) => [key, from, shown(value)])
        ctx.print(
          { configFile: loaded.configFile, settings },
          table(['SETTING', 'FROM', 'VALUE'], rows, 200),
        )
      }),
    )

  config
    .command('schema')
    .description('Print the JSON Schema of mooring.yaml, for completion in an editor.')
    .action(
      go(async (ctx) => {
        const schema = jsonSchema()
        ctx.print(schema, `${JSON.stringify(schema, null, 2)}\n`)
      }),
    )
}

const shown = (value: unknown): string | null => {
  if (Array.isArray(value)) return value.length > 0 ? value.join(', ') : null
  return value === null || typeof value === 'string' ? value : JSON.stringify(value)
}
