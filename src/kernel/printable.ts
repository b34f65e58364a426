// Texts of others for a terminal or a line-based reader: nothing that moves the cursor, turns the writing direction, hides
// itself or ends the line.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu

const escaped = (letter: string) =>
  Array.from(
    { length: letter.length },
    (_, i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('')

/** Line ends stay, everything else that cannot be seen shows as `\u001b`: JSON remains the same JSON. */
export const printable = (text: string): string =>
  text.replace(INVISIBLE, (c) => (c === '\n' ? c : escaped(c)))
