// Does a URI come from this template (RFC 6570)? Only good enough to know whose resource it is: every expression
// stands for some text, and the literal parts must be there in order. No backtracking.

const LONGEST = 8192

export function templateMatcher(template: string): (uri: string) => boolean {
  const literals = template.slice(0, LONGEST).split(/\{[^{}]*\}/)
  const first = literals[0] ?? ''
  if (literals.length === 1) return (uri) => uri === template
  const last = literals.at(-1) ?? ''
  const middle = literals.slice(1, -1)
  return (uri) => {
    if (uri.length > LONGEST || !uri.startsWith(first) || !uri.endsWith(last)) return false
    let from = first.length
    for (const literal of middle) {
      const at = uri.indexOf(literal, from)
      if (at === -1) return false
      from = at + literal.length
    }
    return from <= uri.length - last.length
  }
}
