// The three cookies of the pages: who is signed in, which browser a form was given to, and a setup link on its way.
// On https they carry the __Host- prefix, so no sibling host can plant them; http loopback cannot have it.
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { SignedIn } from '../people/account.ts'
import type { PagesDeps } from './deps.ts'

type Name = 'mooring' | 'mooring-form' | 'mooring-setup'

/** Formats that we gave out; anything else is as good as absent. */
const VALUE = /^[\w-]{16,128}$/

export function readCookie(deps: PagesDeps, c: Context, name: Name): string | undefined {
  const value = getCookie(c, nameOn(deps, c, name))
  return value !== undefined && VALUE.test(value) ? value : undefined
}

export function writeCookie(
  deps: PagesDeps,
  c: Context,
  name: Name,
  value: string,
  expiresAt?: number,
): void {
  const secure = isSecure(deps, c)
  const left = expiresAt === undefined ? undefined : (expiresAt - deps.clock.now()) / 1000
  setCookie(c, nameOn(deps, c, name), value, {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure,
    ...(left !== undefined && { maxAge: Math.max(0, Math.floor(left)) }),
  })
}

export const dropCookie = (deps: PagesDeps, c: Context, name: Name) =>
  writeCookie(deps, c, name, '', 0)

const isSecure = (deps: PagesDeps, c: Context) => deps.ownOrigin(c).startsWith('https:')

const nameOn = (deps: PagesDeps, c: Context, name: Name) =>
  isSecure(deps, c) ? `__Host-${name}` : name

/** A browser that is not signed in is told apart by a random value of its own. */
export function browserNonce(deps: PagesDeps, c: Context): string {
  const known = readCookie(deps, c, 'mooring-form')
  if (known !== undefined) return known
  const fresh = deps.random(24).toString('base64url')
  writeCookie(deps, c, 'mooring-form', fresh)
  return fresh
}

export const sessionOf = (deps: PagesDeps, c: Context): Promise<SignedIn | null> =>
  deps.people.resolveSession(readCookie(deps, c, 'mooring'))

export const keepSignedIn = (
  deps: PagesDeps,
  c: Context,
  session: { cookie: string; signedIn: SignedIn },
) => writeCookie(deps, c, 'mooring', session.cookie, session.signedIn.expiresAt)

/**
 * The sign-in cookie in a Cookie header, by the one name that counts on this origin: beside a prefixed one, a sibling
 * host could plant a plain one and have its own session taken for that of the person.
 */
export function signInCookie(header: string | undefined, origin: string): string | undefined {
  const wanted = origin.startsWith('https:') ? '__Host-mooring' : 'mooring'
  for (const part of (header ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2)
    if (name === wanted) return value
  }
  return undefined
}
