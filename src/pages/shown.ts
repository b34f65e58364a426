// Text of strangers, made safe to look at: what cannot be seen or turns the line around becomes a box that names it.
// Nothing is dropped silently, so a person sees that something was there.
import { html } from 'hono/html'
import type { Html } from './layout.ts'

export const LONGEST_SHOWN = 200
/** Marks on one letter that real writing systems use; more than that is a stack meant to cover other lines. */
const MOST_MARKS = 3

// Control, format, unassigned, private and surrogate; separators other than the plain space; what fonts draw as nothing.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u
const ODD_SPACE = /(?! )\p{Zs}/u
const MARK = /\p{M}/u

export const isUnseen = (character: string) => UNSEEN.test(character) || ODD_SPACE.test(character)

type Piece = { text: string } | { code: string; times: number }

export function pieces(text: string, limit = LONGEST_SHOWN): { pieces: Piece[]; left: number } {
  const characters = Array.from(text)
  const out: Piece[] = []
  let marks = 0
  for (const character of characters.slice(0, limit)) {
    marks = MARK.test(character) ? marks + 1 : 0
    const last = out.at(-1)
    if (!isUnseen(character) && marks <= MOST_MARKS) {
      if (last && 'text' in last) last.text += character
      else out.push({ text: character })
      continue
    }
    const code = codeOf(character)
    if (last && 'code' in last && last.code === code) last.times++
    else out.push({ code, times: 1 })
  }
  return { pieces: out, left: Math.max(0, characters.length - limit) }
}

const codeOf = (character: string) =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`

/** The text, isolated from the direction of what stands around it. */
export function shown(text: string, limit = LONGEST_SHOWN): Html {
  const cut = pieces(text, limit)
  if (cut.pieces.length === 0) return html`<span class="dim">(empty)</span>`
  return html`<bdi>${cut.pieces.map((piece) =>
    'text' in piece
      ? piece.text
      : html`<span class="cp" title="A character that cannot be seen">${piece.code}${
          piece.times > 1 ? ` ×${piece.times}` : ''
        }</span>`,
  )}${cut.left > 0 && html`<span class="dim">… ${cut.left} more characters</span>`}</bdi>`
}

/** Our own sentences, in which `backticks` mark what a person types. */
export const prose = (text: string): Html =>
  html`${text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? html`<code>${inline(part)}</code>` : inline(part)))}`

// Messages can quote what somebody sent; long ones are cut where a command would never end.
const inline = (part: string) =>
  pieces(part, 2000).pieces.map((piece) =>
    'text' in piece ? piece.text : html`<span class="cp">${piece.code}</span>`,
  )

const SCRIPTS = [
  ...['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Hebrew', 'Arabic', 'Cherokee'],
  ...['Coptic', 'Lisu'],
] as const

/** Bold, script, double-struck, full-width or enclosed forms of plain letters: made to look like a known name. */
const imitates = (character: string) =>
  /^[A-Za-z0-9]$/.test(character.normalize('NFKC')) && !/[A-Za-z0-9\u00aa\u00ba]/.test(character)

/** What is odd about a name that somebody chose for themselves, in the words of the page; empty when nothing is. */
export function oddities(name: string): string[] {
  const found: string[] = []
  if (Array.from(name).some(isUnseen)) found.push('hides characters that cannot be seen')
  const scripts = SCRIPTS.filter((script) => new RegExp(`\\p{Script=${script}}`, 'u').test(name))
  if (Array.from(name).some(imitates)) found.push('uses characters that imitate plain letters')
  if (scripts.length > 1) found.push(`mixes ${scripts.join(' and ')} letters`)
  if (Array.from(name).length > LONGEST_SHOWN) found.push('is very long')
  return found
}
