// What an address means for the people who want to connect (C23): who reaches it, who does not, why, and what works.
import type { Settings } from '../config/settings.ts'
import { type Reach, reachOf } from '../pages/reach.ts'

const MEANING: Record<Reach, string[]> = {
  loopback: [
    'Only this computer reaches it: Claude Code, Cursor, VS Code and Codex here can connect now.',
    'Claude on the web, on phones and as a Desktop connector calls from the cloud and cannot. For those, ' +
      'put an https address in front (a domain or a tunnel) and start with --public-url https://….',
  ],
  private: [
    'The address is private: programs on this network reach it; Claude on the web calls from the cloud and cannot.',
  ],
  plain: [
    'Plain http on a network: tokens cross it readable, and most clients refuse to connect. ' +
      'Put a proxy with TLS in front and start with --public-url https://….',
  ],
  public: ['Every client can connect, Claude on the web included.'],
}

/** `url` is the public URL in force. */
export const describeReach = (url: string): readonly string[] => MEANING[reachOf(url)]

/** Listening wider than anybody can use; null when all is well. */
export function warnOfBind({
  host,
  port,
  publicUrl,
}: Pick<Settings, 'host' | 'port' | 'publicUrl'>): string | null {
  if (publicUrl !== null || host.startsWith('127.') || host === '::1') return null
  return (
    `It listens on ${host} port ${port}, but has no public URL: other machines can open the port, and what they ` +
    'send is not encrypted. Put a proxy with TLS in front and set --public-url https://….'
  )
}
