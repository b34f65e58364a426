// Opens a URL of ours in the person's browser. No shell: the URL is one argument.
import { spawn } from 'node:child_process'
import type { Io } from './io.ts'

/** Only for somebody who sits in front of a desktop. */
export function canOpenBrowser({ stdin, stderr, env }: Io): boolean {
  if (!stdin.isTTY || !stderr.isTTY || env.CI || env.SSH_CONNECTION) return false
  return process.platform !== 'linux' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
}

export function openBrowser(url: string, failed: (reason: string) => void): void {
  const [program, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url]
  const child = spawn(program!, args, { stdio: 'ignore', detached: true })
  child.on('error', (error) => failed(error.message))
  child.unref()
}
