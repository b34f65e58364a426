// Which era a server was found to speak, so that it is probed once and not at every start.
import type { Era } from '../kernel/mcp.ts'
import type { Server } from './server.ts'

export interface EraMemory {
  get(server: Pick<Server, 'id' | 'revision'>): Era | undefined
  set(server: Pick<Server, 'id' | 'revision'>, era: Era): void
  forget(server: Pick<Server, 'id'>): void
}

export function createEraMemory(): EraMemory {
  const verdicts = new Map<string, { revision: number; era: Era }>()
  return {
    get: ({ id, revision }) => {
      const verdict = verdicts.get(id)
      return verdict?.revision === revision ? verdict.era : undefined
    },
    set: ({ id, revision }, era) => void verdicts.set(id, { revision, era }),
    forget: ({ id }) => void verdicts.delete(id),
  }
}
