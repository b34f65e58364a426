// Times as people say them, with the exact one on hover. The server does not know the reader's zone, so exact is UTC.
import { html } from 'hono/html'
import { days, hours, minutes, seconds } from '../kernel/time.ts'
import type { Html } from './layout.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

function exact(at: number): string {
  const iso = new Date(at).toISOString()
  return `${day(at)}, ${iso.slice(11, 16)} UTC`
}

function day(at: number): string {
  const date = new Date(at)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}

/** "3 minutes", "2 hours", "30 days": rounded down, never "0". */
function span(ms: number): string {
  const [size, unit] =
    ms < minutes(1)
      ? [seconds(1), 'second']
      : ms < hours(1)
        ? [minutes(1), 'minute']
        : ms < days(1)
          ? [hours(1), 'hour']
          : [days(1), 'day']
  const count = Math.max(1, Math.floor(ms / (size as number)))
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

export const ago = (now: number, at: number): Html =>
  stamp(at, now - at < seconds(1) ? 'now' : `${span(now - at)} ago`)

export const ahead = (now: number, at: number): Html =>
  stamp(at, at <= now ? 'now' : `in ${span(at - now)}`)

const stamp = (at: number, words: string): Html =>
  html`<time datetime="${new Date(at).toISOString()}" title="${exact(at)}">${words}</time>`
