// Token buckets, one for each network and one for all: how often strangers may cost the store a read.
import { networkOf } from '../kernel/network.ts'
import type { Clock } from '../kernel/time.ts'

export interface Rate {
  perSecond: number
  burst: number
}

export interface MissLimiter {
  /** Takes one read. 0 when granted, otherwise the milliseconds until there is one again. */
  take(ip: string | undefined): number
  /** A read that found something was no stranger's: gives it back. */
  giveBack(ip: string | undefined): void
}

interface Bucket {
  level: number
  at: number
}

const MOST_NETWORKS = 10_000

export function createMissLimiter(
  clock: Clock,
  rates: { network: Rate; total: Rate },
): MissLimiter {
  const total: Bucket = { level: rates.total.burst, at: clock.monotonic() }
  const networks = new Map<string, Bucket>()

  const bucketOf = (network: string, now: number): Bucket => {
    const known = networks.get(network)
    if (known) return known
    // The oldest goes: it has had the longest time to fill up, and the bucket for all still holds.
    if (networks.size >= MOST_NETWORKS) networks.delete(networks.keys().next().value!)
    const bucket = { level: rates.network.burst, at: now }
    networks.set(network, bucket)
    return bucket
  }

  return {
    take(ip) {
      const now = clock.monotonic()
      const bucket = bucketOf(networkOf(ip), now)
      fill(bucket, rates.network, now)
      fill(total, rates.total, now)
      const wait = Math.max(waitFor(bucket, rates.network), waitFor(total, rates.total))
      if (wait > 0) return wait
      bucket.level--
      total.level--
      return 0
    },
    giveBack(ip) {
      const bucket = networks.get(networkOf(ip))
      if (bucket) bucket.level = Math.min(rates.network.burst, bucket.level + 1)
      total.level = Math.min(rates.total.burst, total.level + 1)
    },
  }
}

function fill(bucket: Bucket, { perSecond, burst }: Rate, now: number): void {
  bucket.level = Math.min(burst, bucket.level + ((now - bucket.at) / 1000) * perSecond)
  bucket.at = now
}

/** Sums of fractions miss a whole by a hair; who waited as long as told must not be told to wait again. */
const HAIR = 1e-6

const waitFor = ({ level }: Bucket, { perSecond }: Rate): number =>
  level >= 1 - HAIR ? 0 : Math.max(1, Math.ceil(((1 - level) / perSecond) * 1000 - HAIR))
