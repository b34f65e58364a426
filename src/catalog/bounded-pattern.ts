// Regular expressions of strangers (`pattern` in schemas): those that could take exponential time are not run,
// and long values are not matched. What is not run counts as matching: the server checks its arguments itself.

const LONGEST_PATTERN = 1000
const LONGEST_VALUE = 10_000
const MOST_STEPS = 2e6
/** Copies of parts that counted repetitions make the engine hold. */
const MOST_COPIES = 5000

export interface Tester {
  test(value: string): boolean
  toString(): string
}

/** `spend` is told the steps that a match may take, before it is run; it may throw. */
export function boundedPattern(
  source: string,
  flags: string,
  spend: (steps: number) => void = () => undefined,
): Tester {
  const cost = source.length > LONGEST_PATTERN ? null : costOf(source)
  const pattern =
    cost === null ? null : (compile(source, flags) ?? compile(source, flags.replace('u', '')))
  return {
    test: (value) => {
      if (pattern === null || cost === null || value.length > LONGEST_VALUE) return true
      const steps = cost.ways * value.length ** cost.power
      if (steps > MOST_STEPS) return true
      spend(steps)
      return pattern.test(value)
    },
    // The engine tells patterns apart by this text.
    toString: () => `/${source}/${flags}`,
  }
}

function compile(source: string, flags: string): RegExp | null {
  try {
    const pattern = new RegExp(source, flags)
    // The engine translates a pattern when it is first run, and only then says that it is too large.
    pattern.test('')
    return pattern
  } catch {
    return null // Another dialect of regular expressions: not ours to refuse.
  }
}

/** A match of n characters takes at most `ways` times n to the `power` steps; null: nobody can say. */
function costOf(source: string): { ways: number; power: number } | null {
  // Escapes and classes stand for one character each; what is left is the structure.
  const text = source.replace(/\\[^1-9k]/g, 'e').replace(/\[(?:\\.|[^\]\\])*(?:\]|$)/g, 'c')
  if (/\\[1-9k]/.test(text) || repeatsChoices(text)) return null
  let copies = 0
  for (const [, from, to] of text.matchAll(/\{(\d+)(?:,(\d*))?\}/g))
    copies += Math.max(Number(from), Number(to ?? 0))
  if (copies > MOST_COPIES) return null
  // Open-ended repetitions multiply, and without an anchor every start is tried.
  const repetitions = text.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0
  const power = repetitions + (text.startsWith('^') ? 0 : 1)
  // Whatever may be there or not, and every alternative, doubles the ways through.
  const choices = text.replace(/\(\?(?:<?[=!:]|<\w+>)?|[*+?}]\?/g, '').match(/[?|]/g)?.length ?? 0
  // Even to translate it may take for ever.
  return 2 ** choices > MOST_STEPS ? null : { ways: 2 ** choices, power }
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
