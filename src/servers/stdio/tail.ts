// The last of what a program printed, and how to show it: foreign text may carry terminal commands.

export interface Tail {
  push(chunk: Buffer): void
  /** Everything kept, escaped. */
  text(): string
  /** The last lines, escaped. */
  lines(count: number): string
}

export function createTail(limit = 64 * 1024): Tail {
  let kept = Buffer.alloc(0)
  const text = () => escapeControls(kept.toString('utf8'))
  return {
    push: (chunk) => {
      kept = Buffer.concat([kept, chunk.subarray(-limit)]).subarray(-limit)
    },
    text,
    lines: (count) => text().trimEnd().split('\n').slice(-count).join('\n'),
  }
}

/** Control and invisible characters as `\x1b`, line ends and tabs as they are. */
export const escapeControls = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
      c === '\n' || c === '\t' ? c : `\\x${c.codePointAt(0)!.toString(16).padStart(2, '0')}`,
    )
