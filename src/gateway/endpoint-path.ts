// The addresses of the endpoints: /mcp for everything, /s/NAME/mcp for one server.

export type Endpoint =
  | { kind: 'all'; path: string }
  | { kind: 'server'; path: string; server: string }

const ALL: Endpoint = { kind: 'all', path: '/mcp' }
const ONE = /^\/s\/([a-z0-9][a-z0-9-]{0,31})\/mcp\/?$/

/** The endpoint a path names, with or without the trailing slash; null when it names none. */
export function endpointOf(pathname: string): Endpoint | null {
  if (pathname === '/mcp' || pathname === '/mcp/') return ALL
  const name = ONE.exec(pathname)?.[1]
  return name === undefined ? null : { kind: 'server', path: `/s/${name}/mcp`, server: name }
}

/** The same addresses as routes, for tables. */
export const ENDPOINTS = ['/mcp', '/mcp/', '/s/:name/mcp', '/s/:name/mcp/'].map((path) => ({
  method: 'ALL',
  path,
}))
