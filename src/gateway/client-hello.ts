// What is kept of a client's `initialize`: a clipped name and version, and the capabilities that mean something to us.
// A session outlives its request by a day, so nothing of free form may be stored with it.
import type { JsonObject } from '../kernel/mcp.ts'
import { isObject } from './message.ts'

const NAME_BYTES = 100
const VERSION_BYTES = 40

/** Members of each capability that servers act on (2025-11-25 Lifecycle, Capability Negotiation). */
const KNOWN: Record<string, readonly string[]> = {
  sampling: ['context', 'tools'],
  elicitation: ['form', 'url'],
  roots: ['listChanged'],
}

interface ClientHello {
  clientInfo: { name: string; version: string }
  capabilities: JsonObject
}

export const boundedHello = (
  info: { name: string; version: string },
  capabilities: JsonObject,
): ClientHello => ({
  clientInfo: { name: clip(info.name, NAME_BYTES), version: clip(info.version, VERSION_BYTES) },
  capabilities: knownCapabilities(capabilities),
})

/** Flags only: true or an empty object, whatever was sent with them. */
function knownCapabilities(declared: JsonObject): JsonObject {
  const kept: JsonObject = {}
  for (const [name, members] of Object.entries(KNOWN)) {
    const value = declared[name]
    if (!isObject(value)) continue
    kept[name] = Object.fromEntries(
      members.flatMap((member) => {
        if (value[member] === true) return [[member, true]]
        return isObject(value[member]) ? [[member, {}]] : []
      }),
    )
  }
  return kept
}

/** At most so many bytes of UTF-8, in whole characters, none of them invisible or a control character. */
function clip(text: string, bytes: number): string {
  const clean = text
    .slice(0, bytes)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
  let size = 0
  let end = 0
  for (const character of clean) {
    size += Buffer.byteLength(character)
    if (size > bytes) break
    end += character.length
  }
  // A copy: a part of a string keeps the whole alive, here the client's request.
  return Buffer.from(clean.slice(0, end).trim()).toString()
}
