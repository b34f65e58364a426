// mooring logs audit | auth | workload
import type { Command } from 'commander'
import { systemClock } from '../kernel/time.ts'
import type { Admin } from './connect-admin.ts'
import type { Go } from './context.ts'
import { pointInTime, wholeNumber } from './option-values.ts'
import { table, when } from './text.ts'

/** What the table shows; --json has every field. */
interface Event {
  seq: number
  at: string
  code: string
  severity: string
  outcome: string | null
  reason: string | null
  actorName: string | null
  clientName: string | null
  targetName: string | null
  serverName: string | null
  tool: string | null
}

/** What the API gives at once. */
const PAGE = 1000

const ABOUT = {
  audit: 'What was changed, by whom.',
  auth: 'Sign-ins, tokens and refusals.',
  workload: 'Calls to servers: what was sent and how it ended.',
}

export function register(logs: Command, go: Go): void {
  for (const stream of ['audit', 'auth', 'workload'] as const) {
    logs
      .command(stream)
      .description(ABOUT[stream])
      .option('--since <when>', 'a duration such as 1h, or a date')
      .option('--search <text>', 'only events that contain it')
      .option('--limit <n>', 'at most this many, the newest', wholeNumber, 100)
      .action(
        go<{ since?: string; search?: string; limit: number }>(
          async (ctx, { since, search, limit }) => {
            const from =
              since === undefined ? undefined : pointInTime('--since', since, systemClock.now())
            const events = await newest(await ctx.admin(), stream, limit, {
              ...(from !== undefined && { sinceMs: String(from) }),
              ...(search !== undefined && { search }),
            })
            // Oldest first on the screen, so that the newest stands above the prompt.
            const rows = events
              .toReversed()
              .map((event) => [
                when(event.at),
                event.code,
                event.outcome ?? event.severity,
                event.actorName,
                [event.serverName, event.tool ?? event.targetName ?? event.clientName]
                  .filter(Boolean)
                  .join(' '),
                event.reason,
              ])
            const header = ['TIME', 'EVENT', 'OUTCOME', 'WHO', 'WHAT', 'REASON']
            ctx.print({ events }, table(header, rows, ctx.io.stdout.columns))
            if (events.length === limit)
              ctx.say(`The newest ${limit} are shown; --limit shows more.`)
          },
        ),
      )
  }
}

async function newest(
  admin: Admin,
  stream: string,
  limit: number,
  filter: Record<string, string>,
): Promise<Event[]> {
  const events: Event[] = []
  while (events.length < limit) {
    const page = Math.min(limit - events.length, PAGE)
    const last = events.at(-1)
    const query = new URLSearchParams({
      ...filter,
      limit: String(page),
      ...(last && { beforeSeq: String(last.seq) }),
    })
    const found = await admin.call<{ events: Event[] }>(
      'GET',
      `/logs/${stream}?${query.toString()}`,
    )
    events.push(...found.events)
    if (found.events.length < page) break
  }
  return events
}
