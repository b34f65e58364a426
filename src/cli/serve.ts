// mooring serve: starts the gateway, says in a few lines what a person needs next, ends in good order.
import type { Command } from 'commander'
import type { RunningGateway } from '../compose.ts'
import type { Loaded } from '../config/load.ts'
import type { Context, Go } from './context.ts'
import { canOpenBrowser, openBrowser } from './open-browser.ts'
import { describeReach, warnOfBind } from './reach.ts'

interface ServeOptions {
  demo?: true
  open: boolean
}

export function register(serve: Command, go: Go): void {
  serve
    .option('--host <address>', 'IP address to listen on (default: 127.0.0.1)')
    .option('--port <number>', 'port to listen on (default: 8420)')
    .option('--public-url <url>', 'https origin under which clients reach it')
    .option('--demo', 'add a harmless demo server with a few tools')
    .option('--no-open', 'do not open the setup link in a browser')
    .action(
      go<ServeOptions>(async (ctx, options) => {
        const loaded = ctx.load()
        const ended = untilSignal(ctx)
        const demo = options.demo === true
        // Read only now: a mistake in the configuration is told at once.
        const { startGateway } = await import('../compose.ts')
        const gateway = await startGateway(loaded.settings, loaded.provenance, {
          demo,
          configFile: loaded.configFile,
        })
        ended.closing(gateway.close)
        const { url, setupUrl, isolation } = gateway
        const { dataDir } = loaded.settings
        if (ctx.json)
          ctx.print({ url, mcp: `${url}/mcp`, setupUrl, dataDir, isolation, pid: ctx.io.pid }, '')
        announce(ctx, loaded, gateway, demo)
        if (setupUrl && options.open && canOpenBrowser(ctx.io))
          openBrowser(setupUrl, (reason) => ctx.say(`The browser did not open (${reason}).`))
        await ended.done
      }),
    )
}

function announce(
  ctx: Context,
  { settings }: Loaded,
  { url, setupUrl, isolation }: RunningGateway,
  demo: boolean,
) {
  const { bold, dim, yellow } = ctx.style
  ctx.say(`${dim('Data')}     ${settings.dataDir}${settings.db ? ' and Postgres' : ''}`)
  ctx.say(`${dim('Connect')}  ${bold(`${url}/mcp`)}`)
  if (setupUrl) ctx.say(`${dim('Set up')}   ${bold(setupUrl)}  (works once, for 15 minutes)`)
  if (demo) ctx.say(`${dim('Demo')}     ${url}/s/demo/mcp, harmless tools to try`)
  ctx.say(`${dim('Servers')}  ${isolation}`)
  for (const line of describeReach(url)) ctx.say(`${dim('Reach')}    ${line}`)
  const warning = warnOfBind(settings)
  if (warning) ctx.say(`${yellow('Warning')}  ${warning}`)
}

/** The first signal lets running calls end; the second one does not wait. */
function untilSignal(ctx: Context) {
  let close: (() => Promise<void>) | null = null
  let signals = 0
  const { promise: done, resolve, reject } = Promise.withResolvers<void>()
  const end = () => close?.().then(resolve, reject)
  const off = ctx.io.onSignal(() => {
    signals++
    if (signals > 1) ctx.io.exit(130)
    ctx.say('Ending: running calls may finish. Once more ends at once.')
    void end()
  })
  return {
    done: done.finally(off),
    closing: (gatewayClose: () => Promise<void>) => {
      close = gatewayClose
      // A signal that came while it was starting.
      if (signals > 0) void end()
    },
  }
}
