// The person behind a request: for the audit log, and for pages that only somebody who is signed in may see.
import type { Context } from 'hono'
import { AppError } from '../kernel/app-error.ts'
import type { By } from '../logs/event.ts'
import type { SignedIn } from '../people/account.ts'
import { sessionOf } from './cookies.ts'
import type { PagesDeps } from './deps.ts'
import { goTo } from './send.ts'

export function byOf(deps: PagesDeps, c: Context, { account, sessionHash }: SignedIn): By {
  return {
    actor: { type: 'user', id: account.id, name: account.login },
    origin: { ...deps.requestOrigin(c), sessionId: sessionHash },
  }
}

/** Runs for who is signed in; everybody else goes to sign in and comes back to the page. */
export const forSignedIn =
  (deps: PagesDeps, run: (c: Context, session: SignedIn) => Promise<Response>) =>
  async (c: Context): Promise<Response> => {
    const session = await sessionOf(deps, c)
    if (session) return run(c, session)
    const url = new URL(c.req.url)
    // Of what stands in the query of the start page only its own word is carried on: the rest may be a key.
    const watch = url.searchParams.get('watch')
    const home = watch === null ? '/' : `/?${new URLSearchParams({ watch }).toString()}`
    const asked = url.pathname === '/' ? home : url.pathname + url.search
    const back = c.req.method === 'GET' ? asked : '/'
    return goTo(c, back === '/' ? '/login' : `/login?next=${encodeURIComponent(back)}`)
  }

/** The same for admins. */
export const forAdmin = (
  deps: PagesDeps,
  run: (c: Context, session: SignedIn) => Promise<Response>,
) =>
  forSignedIn(deps, (c, session) => {
    if (session.account.role !== 'admin')
      throw new AppError('forbidden', 'Only an admin may do this.', {
        remedy: 'Ask an admin of this gateway.',
      })
    return run(c, session)
  })
