// A person as the rooms above see one.
import type { UserTable } from '../store/tables/state.ts'

export interface Account {
  id: string
  login: string
  name: string
  role: UserTable['role']
  createdAt: number
  lastSignInAt: number | null
  disabledAt: number | null
}

/** A browser that is signed in: who, and the audit event of the sign-in that later consents name as their parent. */
export interface SignedIn {
  account: Account
  /** Hash of the session id: safe to log. */
  sessionHash: string
  eventId: string
  expiresAt: number
}
