// May this person use this tool? A pure function: the same answer for listing and for calling, with its reason.
import type { Permit } from '../store/tables/state.ts'
import { type Level, levelOf, reaches, serverScope } from './scopes.ts'

export interface Question {
  user: { id: string }
  scopes: ReadonlySet<string>
  server: { name: string; permit: Permit; people: ReadonlySet<string> | null }
  /** Without a tool: what the request does; prompts, resources and completion read. */
  level?: Level
  tool?: { annotations?: { readOnlyHint?: unknown; destructiveHint?: unknown } | undefined }
}

export type Decision =
  | { effect: 'permit'; rule: string }
  | { effect: 'ask'; rule: string; reason: string }
  | { effect: 'forbid'; rule: string; reason: string; missingScopes?: string[] }

/** Forbid beats ask beats permit; nothing that matches is a refusal. */
export function decide({ user, scopes, server, tool, level: asked = 'read' }: Question): Decision {
  if (server.people && !server.people.has(user.id)) {
    return {
      effect: 'forbid',
      rule: `people of ${server.name}`,
      reason: `This account is not on the list of people for ${server.name}.`,
    }
  }
  const level: Level = tool ? levelOf(tool.annotations) : asked
  if (!reaches(scopes, server.name, level)) {
    return {
      effect: 'forbid',
      rule: 'scope',
      reason: `The token lacks the scope ${serverScope(server.name, level)}.`,
      missingScopes: [serverScope(server.name, level)],
    }
  }
  const rule = `--permit ${server.permit} on ${server.name}`
  if (!tool)
    return {
      effect: 'permit',
      rule: `${level === 'read' ? 'reading from' : 'own tasks of'} ${server.name}`,
    }
  if (server.permit === 'all' || (server.permit === 'read-only' && level === 'read'))
    return { effect: 'permit', rule }
  return {
    effect: 'ask',
    rule,
    reason:
      server.permit === 'read-only'
        ? `Only tools that ${server.name} marks as read-only run without asking.`
        : `Tools of ${server.name} ask first.`,
  }
}
