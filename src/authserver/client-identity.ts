// Who vouches for a client: the host of its metadata document, or nobody.

/** A client_id that is a URL is a metadata document (CIMD); the library accepts https only. */
export function verifiedHost(clientId: string): string | null {
  if (!clientId.startsWith('https://')) return null
  return URL.parse(clientId)?.host ?? null
}
