// Regular expressions of strangers (`pattern` in schemas): those that could take exponential time are not run,
// and long values are not matched. What is not run counts as matching: the server checks its arguments itself.

const LONGEST_PATTERN = 1000
const LONGEST_VALUE = 10_000

export interface Tester {
  test(value: string): boolean
  toString(): string
}

export function boundedPattern(source: string, flags: string): Tester {
  const usable = source.length <= LONGEST_PATTERN && !canRunAway(source)
  const pattern = usable
    ? (compile(source, flags) ?? compile(source, flags.replace('u', '')))
    : null
  return {
    test: (value) => !pattern || value.length > LONGEST_VALUE || pattern.test(value),
    // The engine tells patterns apart by this text.
    toString: () => `/${source}/${flags}`,
  }
}

function compile(source: string, flags: string): RegExp | null {
  try {
    return new RegExp(source, flags)
  } catch {
    return null // Another dialect of regular expressions: not ours to refuse.
  }
}

/**
 * A repeated group that itself repeats or chooses, a back reference, or several open-ended repetitions in a row:
 * the shapes behind catastrophic backtracking. Judges too many rather than too few.
 */
function canRunAway(source: string): boolean {
  const text = source.replace(/\\[^1-9k]/g, 'e').replace(/\[(?:\\.|[^\]\\])*\]/g, 'c')
  if (/\\[1-9k]/.test(text)) return true
  if ((text.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0) > 3) return true
  const groups: { risky: boolean }[] = []
  for (let i = 0; i < text.length; i++) {
    const at = text[i]
    const open = groups.at(-1)
    if (at === '(') groups.push({ risky: false })
    else if (at === ')') {
      const inner = groups.pop()
      const repeated = /^(?:[*+]|\{\d+,)/.test(text.slice(i + 1, i + 8))
      if (repeated && inner?.risky) return true
      const outer = groups.at(-1)
      if (outer && (inner?.risky || repeated)) outer.risky = true
    } else if (open && (at === '*' || at === '+' || at === '|' || at === '{' || at === '?')) {
      // `(?:` and its like are not a choice.
      if (at !== '?' || text[i - 1] !== '(') open.risky = true
    }
  }
  return false
}
