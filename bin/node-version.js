// Which Node the gateway needs, and what to tell a person whose Node is older. Plain JavaScript that Node 18 can read.

// node:sqlite needs 22.14, stripping types from the sources 22.18, the HTTP client 22.19.
export const MINIMUM = '22.19.0'

/** Whether `version` (`v22.3.0`) is older than `minimum` (`22.19.0`). */
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
    'Why: its database and its HTTP client are made of what Node has built in from there on.',
    'Fix: install Node 24 from https://nodejs.org, or in the repository run "npm ci" (it brings its own Node 24).',
  ].join('\n')
}
