// What the hot path keeps in memory of the rows: servers and their catalogues, and how far it has followed head.seq.
// Nothing is sent on a stale view: every request compares its view with the head of the store.
import type { Catalog } from '../catalog/catalog.ts'
import type { Core } from '../logs/core.ts'
import type { Server } from '../servers/server.ts'
import type { Change } from '../store/store.ts'

export interface ViewSources {
  loadServers(): Promise<readonly Server[]>
  catalogOf(serverId: string): Catalog | null
  /** Called with what has changed before the view moves on; null is "everything may have". */
  forget(changes: readonly Change[] | null, servers: readonly Server[]): void
}

export interface Views {
  /** The head.seq this view has followed. */
  readonly seq: number
  /** The highest head.seq known of: beyond `seq` from the moment a change of this process commits. */
  readonly head: number
  /** Moves whenever a list could come out differently. */
  readonly version: number
  readonly servers: readonly Server[]
  server(name: string): Server | null
  catalog(server: Server): Catalog | null
  /** Follows the store when it is ahead; answers without a promise when there is nothing to do. */
  fresh(): Promise<void> | undefined
  catchUp(): Promise<void>
  /** A catalogue was read again. */
  catalogChanged(): void
  close(): void
}

export async function createViews(core: Core, sources: ViewSources): Promise<Views> {
  const { store } = core
  let seq = await store.headSeq()
  let known = seq
  let version = 1
  let servers = await sources.loadServers()
  let byName = new Map(servers.map((server) => [server.name, server]))
  let following: Promise<void> | null = null
  let asking: Promise<void> | null = null
  sources.forget(null, servers)

  async function follow() {
    for (;;) {
      const head = await store.headSeq()
      if (head <= seq) return
      const news = await store.changesSince(seq)
      const changes = news?.changes ?? null
      if (
        !changes ||
        changes.some((change) => change.topic === 'server' || change.topic === 'catalog')
      ) {
        servers = await sources.loadServers()
        byName = new Map(servers.map((server) => [server.name, server]))
      }
      sources.forget(changes, servers)
      version++
      seq = Math.max(seq, news?.seq ?? head)
    }
  }

  const catchUp = () => {
    following ??= follow().finally(() => {
      following = null
    })
    return following
  }
  const hint = () =>
    void catchUp().catch((error: unknown) => core.log.error({ error }, 'cannot follow the store'))

  // Our own commits: credentials are dropped in the same turn, so the revoke is true before it is acknowledged.
  const offCommit = store.onCommit((committed, changes) => {
    known = Math.max(known, committed)
    sources.forget(
      changes.filter((change) => change.topic !== 'server'),
      servers,
    )
    hint()
  })
  const offHint = store.onHint(hint)

  return {
    get seq() {
      return seq
    },
    get head() {
      return Math.max(known, seq)
    },
    get version() {
      return version
    },
    get servers() {
      return servers
    },
    server: (name) => byName.get(name) ?? null,
    catalog: (server) => sources.catalogOf(server.id),
    fresh() {
      if (asking) return asking
      const head = store.headSeq()
      if (typeof head === 'number') return head > seq ? catchUp() : undefined
      asking = head
        .then((h) => (h > seq ? catchUp() : undefined))
        .finally(() => {
          asking = null
        })
      return asking
    },
    catchUp,
    catalogChanged: () => {
      version++
    },
    close: () => {
      offCommit()
      offHint()
    },
  }
}
