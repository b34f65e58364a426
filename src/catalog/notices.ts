// What an admin should know of a catalogue that works: what was left out, and names that some clients cannot take.
import type { Catalog } from './catalog.ts'
import { LONGEST, publicName } from './names.ts'

/** How Claude Code calls a tool: `mcp__NAME__TOOL`, in no more than 64 characters, and refuses the rest. */
const PREFIX = 'mcp__mooring__'
const ROOM = LONGEST - PREFIX.length
/** Named one by one; the rest are counted. */
const NAMED = 5

export function noticesOf(catalog: Catalog): string[] {
  const long = [...catalog.tools.values()].filter(
    (tool) => tool.hidden === null && tool.publicName.length > ROOM,
  )
  const named = long
    .slice(0, NAMED)
    .map(
      ({ name, publicName: shown }) =>
        `The tool ${shown} has ${shown.length} characters. Claude Code puts ${PREFIX} before it, which makes more than the ${LONGEST} that are accepted; with limits.tool-name: ${ROOM} it is called ${publicName(catalog.serverName, name, ROOM)}.`,
    )
  const more = long.length - named.length
  return [
    ...catalog.problems,
    ...named,
    ...(more > 0 ? [`${more} more tools have names as long.`] : []),
  ]
}
