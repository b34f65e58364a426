// The last of what a program printed, and how to show it: foreign text may carry terminal commands.

export interface Tail {
  push(chunk: Buffer): void
  /** Everything kept, escaped. */
  text(): string
  /** The last lines, escaped. */
  lines(count: number): string
}

/** `secrets` are not shown, wherever the program repeats them. */
export function createTail(limit = 64 * 1024, secrets: readonly string[] = []): Tail {
  let kept = Buffer.alloc(0)
  const text = () => escapeControls(without(secrets, kept.toString('utf8')))
  return {
    push: (chunk) => {
      kept = Buffer.concat([kept, chunk.subarray(-limit)]).subarray(-limit)
    },
    text,
    lines: (count) => text().trimEnd().split('\n').slice(-count).join('\n'),
  }
}

/** A text that a program printed, without the secrets it was given. */
export const without = (secrets: readonly string[], text: string): string =>
  secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)

/** Control and invisible characters as `\x1b`, line ends and tabs as they are. */
export const escapeControls = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
      c === '\n' || c === '\t' ? c : `\\x${c.codePointAt(0)!.toString(16).padStart(2, '0')}`,
    )
