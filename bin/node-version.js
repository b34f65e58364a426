// Which Node the gateway needs, and what to tell a person whose Node is older. Plain JavaScript that Node 18 can read.

export const MINIMUM = '22.14.0'

/** Whether `version` (`v22.3.0`) is older than `minimum` (`22.14.0`). */
export function olderThan(version, minimum) {
  const parts = (text) =>
    text
      .replace(/^v/, '')
      .split('.')
      .map((part) => Number.parseInt(part, 10))
  const [have, need] = [parts(version), parts(minimum)]
  for (let i = 0; i < 3; i++) {
    if (have[i] !== need[i]) return have[i] < need[i]
  }
  return false
}

/** What is wrong, why, and how to fix it. */
export function explain(version, execPath) {
  return [
    `Mooring needs Node ${MINIMUM} or newer; this is Node ${version.replace(/^v/, '')} (${execPath}).`,
    `Why: it keeps its data with the SQLite that is built into Node from ${MINIMUM} on.`,
    'Fix: install Node 24 from https://nodejs.org, or in the repository run "npm ci" (it brings its own Node 24).',
  ].join('\n')
}
