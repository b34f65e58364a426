// "Did you mean …?": the known name that a mistyped one is closest to.

const bare = (name: string) => name.toLowerCase().replace(/[-_ ]/g, '')

/** The closest candidate, or null when none is close. `access_token_ttl` finds `auth.access-token-ttl`. */
export function nearest(typed: string, candidates: readonly string[]): string | null {
  let best: string | null = null
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const forms = [candidate, candidate.slice(candidate.lastIndexOf('.') + 1)]
    const distance = Math.min(...forms.map((form) => editDistance(bare(typed), bare(form))))
    // Of two at the same distance, the one that goes on from what was typed: `server` is `servers`, not `serve`.
    const longer = distance === bestDistance && candidate.startsWith(typed)
    if (distance < bestDistance || longer) [best, bestDistance] = [candidate, distance]
  }
  return bestDistance <= Math.max(1, Math.floor(bare(typed).length / 3)) ? best : null
}

/** As the end of a sentence: ` Did you mean X?` or nothing. */
export function didYouMean(typed: string, candidates: readonly string[]): string {
  const found = nearest(typed, candidates)
  return found === null ? '' : ` Did you mean ${found}?`
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j]!, before[j - 2]! + 1)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
