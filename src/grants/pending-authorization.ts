// A pending authorization request as a person is asked about it. The authorization server fulfils this interface and
// the login and consent pages use it; it stands here because neither of the two may import the other.
import type { Context } from 'hono'

export interface ScopeChoice {
  name: string
  /** Plain language: "Use your tools", "Write to stripe". */
  title: string
  /** The tools behind it: "58 tools of 6 servers run without asking, 19 ask you first". */
  description: string
  /** Required ones cannot be unticked. */
  required: boolean
}

export interface PendingClient {
  id: string
  kind: 'dcr' | 'cimd' | 'static'
  /** As the client calls itself: hostile text. */
  name: string
  /** Host of a metadata document that vouches for the client; null is unverified. */
  verifiedHost: string | null
  /** An admin trusts it. */
  trusted: boolean
  redirectUri: string
  /** Host and port that the approval goes to, or the private-use scheme. */
  redirectHost: string
  /** The approval goes to a program on the person's own computer. */
  loopback: boolean
}

export interface Interaction {
  uid: string
  prompt: 'login' | 'consent'
  client: PendingClient
  /** The endpoint URL asked for. */
  resource: string
  scopes: ScopeChoice[]
  /** Consent only: who is signed in. */
  userId: string | null
  /** Milliseconds since 1970: when a grant given now will end, or null for until revoked. */
  grantEndsAt: number | null
  /** Our own address that begins the same request anew, for when another person takes over this browser. */
  startAgain?: string
}

export interface Interactions {
  /** The interaction of this browser (bound by cookie). @throws AppError gone | forbidden */
  load(c: Context, uid: string): Promise<Interaction>
  /** Returns the URL to go on to (answer 303). */
  finishLogin(c: Context, uid: string, userId: string): Promise<string>
  allow(c: Context, uid: string, scopes: readonly string[]): Promise<string>
  cancel(c: Context, uid: string): Promise<string>
}
