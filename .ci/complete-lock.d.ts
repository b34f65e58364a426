// Types of complete-lock.js for its test.
export interface Missing {
  name: string
  version: string
  dev: boolean
}
export function missingFrom(packages: Record<string, object>): Missing[]
export function entryFor(missing: Missing): Record<string, unknown>
