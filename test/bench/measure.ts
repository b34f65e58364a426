// One paired measurement: every target gets the same load in each round, in rotated order; CPU is read from /proc.
import { readFileSync } from 'node:fs'
import { runProgram } from '../fixtures/program.ts'
import type { Job, Measured } from './load.ts'

export interface Target {
  name: string
  url: string
  headers: Record<string, string>
  tool: string
  /** Process whose CPU is the cost of this target; null measures no CPU. */
  pid: number | null
}

export interface Cell {
  concurrency: number
  requests: number
}

export interface Sample {
  target: string
  concurrency: number
  round: number
  /** Microseconds of CPU per request of the process under test; null when it has none. */
  cpu: number | null
  p50: number
  p99: number
  rate: number
  errors: number
  /** The load generator used a whole core: the rate is its limit, not the target's. */
  saturated: boolean
}

/** Kernel clock ticks per second; fixed at 100 on Linux for user space. */
const TICKS = 100

export async function measure(
  targets: readonly Target[],
  cells: readonly Cell[],
  rounds: number,
  told: (sample: Sample) => void = () => {},
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round++) {
    for (const cell of cells) {
      for (let i = 0; i < targets.length; i++) {
        const sample = await one(targets[(i + round) % targets.length]!, cell, round)
        samples.push(sample)
        told(sample)
      }
    }
  }
  return samples
}

async function one(
  target: Target,
  { concurrency, requests }: Cell,
  round: number,
): Promise<Sample> {
  const { url, headers, tool, pid, name } = target
  const job: Job = { url, headers, tool, concurrency, requests, warmUp: Math.ceil(requests / 5) }
  const before = pid === null ? 0 : cpuSeconds(pid)
  const { code, stdout, stderr } = await runProgram('test/bench/load.ts', [JSON.stringify(job)], {
    timeout: 300_000,
  })
  if (code !== 0) throw new Error(`The load on ${name} failed: ${stderr}`)
  const cpu = pid === null ? 0 : cpuSeconds(pid) - before
  const result = JSON.parse(stdout) as Measured
  if (result.errors > 0)
    throw new Error(`${name} answered ${result.errors} calls wrongly: ${result.firstError}`)
  return {
    target: name,
    concurrency,
    round,
    cpu: pid === null ? null : (cpu * 1e6) / (requests + job.warmUp),
    p50: result.p50 * 1000,
    p99: result.p99 * 1000,
    rate: requests / result.seconds,
    errors: result.errors,
    saturated: result.cpu / result.seconds > 0.9,
  }
}

/** CPU of a process and all its threads. The kernel counts in ticks, so a cell has to last for a second or so. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Median over the rounds of `name` over `base`, each ratio taken inside its round. */
export function medianRatio(
  samples: readonly Sample[],
  [name, base]: readonly [string, string],
  concurrency: number,
  of: 'cpu' | 'p50',
): number {
  const value = (target: string, round: number) =>
    samples.find(
      (s) => s.target === target && s.round === round && s.concurrency === concurrency,
    )?.[of]
  const rounds = [...new Set(samples.map(({ round }) => round))]
  return median(rounds.map((round) => value(name, round)! / value(base, round)!))
}
