// What an admin should notice about a command before it is saved: that it carries code of its own, or fetches code
// that may be another tomorrow. Warned about, not refused: an admin may mean it.
import { basename } from 'node:path'
import type { ServerSpec } from './server.ts'

/** Options by which a program runs the text that follows instead of a file. */
const RUNS_TEXT: readonly [RegExp, RegExp][] = [
  [/^(ba|da|z|k|a|fi)?sh$/, /^-\w*c\w*$/],
  [/^(node|nodejs|bun|deno)$/, /^(-e|-p|-pe|--eval|--print|eval)(=|$)/],
  [/^python[\d.]*$/, /^-\w*c/],
  [/^(perl|ruby)$/, /^-\w*e/],
  [/^php[\d.]*$/, /^-r/],
  [/^(npx|npm|pnpm|pnpx|bunx|yarn)$/, /^(-c|--call|--shell-mode)(=|$)/],
  [/^(cmd|powershell|pwsh)(\.exe)?$/i, /^([/-]c|-command|-encodedcommand)$/i],
]
/** Programs that only start another one. */
const STARTS_OTHERS = /^(env|sudo|doas|nohup|setsid|timeout|nice|exec|xargs|busybox)$/
const FETCHES = /^(npx|bunx|pnpx|uvx|pipx)$/
/** Options of those that take a value of their own. */
const TAKES_VALUE = /^(-p|--package|--registry|--from|--with|--python|--index-url)$/

export function commandWarnings(spec: ServerSpec): string[] {
  if (spec.kind !== 'stdio') return []
  const words = [spec.command, ...spec.args]
  const warnings: string[] = []
  const at = words.findIndex((word, i) => i > 0 && runsText(words.slice(0, i), word))
  if (at > 0)
    warnings.push(
      `${basename(words[0]!)} … ${words[at]} runs the text that follows as a program. Add it only if you have read that text.`,
    )
  if (STARTS_OTHERS.test(basename(spec.command)))
    warnings.push(`${basename(spec.command)} starts another program: give that one itself.`)
  const fetched = unpinned(words)
  if (fetched !== null)
    warnings.push(
      `${fetched} is fetched from a registry in whatever version is there when the program starts. Pin it: ${fetched}@VERSION.`,
    )
  return warnings
}

const runsText = (before: readonly string[], word: string): boolean =>
  RUNS_TEXT.some(
    ([program, option]) => option.test(word) && before.some((one) => program.test(basename(one))),
  )

/** The package that a runner would fetch without a version; null when there is none. */
function unpinned([command = '', ...args]: readonly string[]): string | null {
  if (!FETCHES.test(basename(command))) return null
  const name = args.find((arg, i) => !arg.startsWith('-') && !TAKES_VALUE.test(args[i - 1] ?? ''))
  if (name === undefined || /^[./~]|:\/\//.test(name)) return null
  return /.@\d|==\d/.test(name) ? null : name.replace(/(.)@latest$/, '$1')
}
