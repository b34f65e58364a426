// The form of a login name, shared by the rooms that look people up by it.
import { AppError } from './app-error.ts'

const LONGEST = 64
// Control, format (bidi, zero width), unassigned and private characters, and line separators: names that look
// alike or break a log line.
const FORBIDDEN = /[\p{C}\p{Zl}\p{Zp}]/u

/** The name as it is shown. @throws AppError invalid_input */
export function parseLogin(text: string): string {
  const login = text.normalize('NFKC').trim()
  const length = Array.from(login).length
  if (length === 0 || length > LONGEST)
    throw new AppError(
      'invalid_input',
      `A login name has 1 to ${LONGEST} characters; this has ${length}.`,
      { remedy: 'Choose another login name.' },
    )
  if (FORBIDDEN.test(login))
    throw new AppError('invalid_input', 'The login name contains an invisible character.', {
      remedy: 'Type the name again instead of pasting it.',
    })
  return login
}

/**
 * What must be unique: NFKC and case-folded. Upper case comes first so that letters with several lower-case
 * forms (s and long s, both forms of sigma) meet in one; combining marks may need a second round.
 */
export function loginKey(login: string): string {
  let key = login.normalize('NFKC').trim()
  for (let round = 0; round < 3; round++) {
    const next = key.toUpperCase().toLowerCase().normalize('NFKC')
    if (next === key) break
    key = next
  }
  return key
}
