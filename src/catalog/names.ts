// Names under which the tools of a server are offered: `server__tool`, or a stable alias where that would not fit
// what clients accept.
import { hash } from 'node:crypto'
import { base32 } from '../kernel/ids.ts'

export const NAME = /^[a-zA-Z0-9_-]{1,64}$/
export const LONGEST = 64
const HASH_LENGTH = 8

/** `server__tool` when it fits; otherwise a readable prefix and a hash of both names, the same every time. */
export function publicName(server: string, tool: string, longest = LONGEST): string {
  const plain = `${server}__${tool}`
  return fits(plain, longest) ? plain : alias(`${server}__`, tool, plain, longest)
}

/** The name on /s/NAME/mcp: the server's own, or its alias. */
export function ownName(tool: string, longest = LONGEST): string {
  return fits(tool, longest) ? tool : alias('', tool, tool, longest)
}

const fits = (name: string, longest: number) => NAME.test(name) && name.length <= longest

function alias(prefix: string, tool: string, whole: string, longest: number): string {
  const digest = base32(hash('sha256', whole, 'buffer').subarray(0, 5))
  const readable = tool.replace(/[^a-zA-Z0-9_-]+/g, '_')
  const room = longest - prefix.length - HASH_LENGTH - 1
  return `${prefix}${readable.slice(0, room)}_${digest}`
}
