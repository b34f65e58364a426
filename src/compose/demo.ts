// The demo server: harmless, permitted, one flag or one click away. Adding it twice is adding it once.
import { isAppError } from '../kernel/app-error.ts'
import type { By } from '../logs/event.ts'
import { addServer } from '../servers/servers.ts'
import type { Foundation } from './foundation.ts'

export async function addDemo(
  { core, vault }: Pick<Foundation, 'core' | 'vault'>,
  by: By,
): Promise<void> {
  try {
    await addServer(core, vault, by, {
      name: 'demo',
      spec: { kind: 'builtin', program: 'demo' },
      permit: 'all',
      owner: 'demo',
    })
  } catch (error) {
    if (!isAppError(error, 'conflict')) throw error
  }
}
