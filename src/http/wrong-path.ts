// Everything that nobody answers: 404 as JSON that names the right URL, because people mistype connector URLs.
import { AppError } from '../kernel/app-error.ts'

/** What a client most likely meant by `method path`. */
export function wrongPath(method: string, path: string, origin: string): AppError {
  const near = nearest(path)
  const message =
    path === '/'
      ? `MCP messages are not taken at the root of this gateway.`
      : `Nothing answers ${method} ${path.slice(0, 200)}.`
  return new AppError('wrong_path', message, {
    remedy: `The MCP endpoint is ${origin}${near}.`,
    data: { endpoint: `${origin}${near}` },
  })
}

function nearest(path: string): string {
  const one = /^\/(?:s|servers?|mcp)\/([a-z0-9][a-z0-9-]{0,31})/i.exec(path)?.[1]
  return one && !/^(mcp|sse|messages?)$/i.test(one) ? `/s/${one.toLowerCase()}/mcp` : '/mcp'
}
