// kill -9 during writes, a few times on each store; test/long/call-kill.test.ts does it hundreds of times.
import { describe, it } from 'vitest'
import { killedGateway } from '../fixtures/killed-gateway.ts'
import { dialects } from '../fixtures/stores.ts'

const KILLS = 10

describe.each(dialects)('kill -9 at random points under load on %s', (dialect) => {
  const killed = killedGateway(dialect, KILLS)

  it('crosses no reply, and loses no token, key or revoke that was acknowledged', () =>
    killed.lostNothing())

  it('finds an intent for every call that reached the server', () => killed.everyCallHasAnIntent())

  it('finds every acknowledged call in the ledger of the server', () =>
    killed.everyReplyWasEarned())

  it('has exactly one outcome for every call: as it ended, or unknown when a kill cut it off', () =>
    killed.everyCallHasOneOutcome())

  it('can still prove that no row was changed, dropped or reordered', () =>
    killed.theChainVerified())
})
