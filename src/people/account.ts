// A person as the rooms above see one.
import type { StateRow, UserTable } from '../store/tables/state.ts'

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

export const accountOf = (row: StateRow<'users'>): Account => ({
  id: row.id,
  login: row.login,
  name: row.name,
  role: row.role,
  createdAt: row.created_at,
  lastSignInAt: row.last_sign_in_at,
  disabledAt: row.disabled_at,
})

export const accountTarget = (account: { id: string; login: string }) => ({
  type: 'user',
  id: account.id,
  name: account.login,
})
