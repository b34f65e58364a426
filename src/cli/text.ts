// Text for a terminal: tables, times, and names made harmless, because servers and clients choose their own.

/** One line without control, format (bidi) and private characters: nothing that could move the cursor or hide text. */
export const plain = (text: string): string =>
  text
    .replace(/[\r\n\t]+/g, ' ')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
    .trim()

/** Code points: near enough to columns for a table. */
const lettersOf = (text: string): string[] => Array.from(text)

/** Cuts at `width` with an ellipsis. */
export function clip(text: string, width: number): string {
  const letters = lettersOf(text)
  return letters.length <= width ? text : `${letters.slice(0, Math.max(1, width - 1)).join('')}…`
}

/** Columns as wide as they need to be; the last one takes what is left of the terminal. */
export function table(
  header: readonly string[],
  rows: readonly (readonly (string | number | null | undefined)[])[],
  columns = 100,
): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => plain(String(cell ?? '-'))))
  const widths = header.map((_, i) =>
    Math.max(...cells.map((row) => lettersOf(row[i] ?? '').length)),
  )
  const last = header.length - 1
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0)
  const lines = cells.map((row) =>
    row
      .map((cell, i) =>
        i === last
          ? clip(cell, Math.max(20, columns - before))
          : cell + ' '.repeat(widths[i]! - lettersOf(cell).length),
      )
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

/** `2026-11-21 12:00` in the local zone of whoever reads it; `-` for never. */
export function when(iso: string | null): string {
  if (iso === null) return '-'
  const at = new Date(iso)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

export interface Paint {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
}

/** Colours on a terminal that wants them (https://no-color.org). */
export function paint(
  stream: { isTTY?: boolean },
  env: { [name: string]: string | undefined },
): Paint {
  const on = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  const style = (open: number, close: number) => (text: string) =>
    on ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
    yellow: style(33, 39),
  }
}
