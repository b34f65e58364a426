// Regular expressions of strangers (`pattern` in schemas): those that could take exponential time are not run,
// and long values are not matched. What is not run counts as matching: the server checks its arguments itself.

const LONGEST_PATTERN = 1000
const LONGEST_VALUE = 10_000
const MOST_STEPS = 1e7

export interface Tester {
  test(value: string): boolean
  toString(): string
}

export function boundedPattern(source: string, flags: string): Tester {
  const longest = source.length > LONGEST_PATTERN ? 0 : longestValue(source)
  const pattern =
    longest > 0 ? (compile(source, flags) ?? compile(source, flags.replace('u', ''))) : null
  return {
    test: (value) => !pattern || value.length > longest || pattern.test(value),
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

/** Up to which length of value the pattern may be run; 0 is never. */
function longestValue(source: string): number {
  // Escapes and classes stand for one character each; what is left is the structure.
  const text = source.replace(/\\[^1-9k]/g, 'e').replace(/\[(?:\\.|[^\]\\])*\]/g, 'c')
  if (/\\[1-9k]/.test(text) || repeatsChoices(text)) return 0
  // Open-ended repetitions multiply, and without an anchor every start is tried.
  const repetitions = text.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0
  const power = repetitions + (text.startsWith('^') ? 0 : 1)
  return Math.min(LONGEST_VALUE, Math.floor(MOST_STEPS ** (1 / Math.max(1, power))))
}

/** A repeated group that itself repeats or chooses: the shape behind exponential time. Judges too many, not too few. */
function repeatsChoices(text: string): boolean {
  const groups: { risky: boolean }[] = []
  for (let i = 0; i < text.length; i++) {
    const at = text[i]
    const open = groups.at(-1)
    if (at === '(') groups.push({ risky: false })
    else if (at === ')') {
      const inner = groups.pop()
      const repeated = /^(?:[*+]|\{\d)/.test(text.slice(i + 1, i + 3))
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
