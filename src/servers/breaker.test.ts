import { expect, test } from 'vitest'
import { AppError } from '../kernel/app-error.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { createBreaker, FAILURES_ALLOWED } from './breaker.ts'

function broken() {
  const clock = manualClock()
  const breaker = createBreaker(clock, 'notes')
  const fail = () => breaker.failure(new AppError('server_unreachable', 'nothing listens there'))
  const trip = () => {
    for (let i = 0; i < FAILURES_ALLOWED; i++) fail()
  }
  return { clock, breaker, fail, trip }
}

test('calls pass until five failures in a row', () => {
  const { breaker, fail } = broken()
  for (let i = 1; i < FAILURES_ALLOWED; i++) fail()
  expect(() => breaker.check()).not.toThrow()
  fail()
  expect(() => breaker.check()).toThrow()
})

test('a success in between starts the count again', () => {
  const { breaker, fail } = broken()
  for (let i = 0; i < 20; i++) {
    fail()
    fail()
    breaker.success()
  }
  expect(() => breaker.check()).not.toThrow()
  expect(breaker.state).toMatchObject({ failures: 0, retryAt: null })
})

test('the refusal names the server, the cause and when it is tried again', () => {
  const { breaker, trip } = broken()
  trip()
  let error: unknown
  try {
    breaker.check()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({ code: 'server_unreachable' })
  expect((error as Error).message).toMatch(/^notes failed 5 times.*another 1 s.*nothing listens/)
})

test('after the pause one caller may try, the others still hear no', () => {
  const { clock, breaker, trip } = broken()
  trip()
  clock.advance(1000)
  expect(() => breaker.check()).not.toThrow()
  expect(() => breaker.check()).toThrow('attempt of another caller')
  breaker.success()
  expect(() => breaker.check()).not.toThrow()
})

test('every further failure doubles the pause, up to a minute', () => {
  const { clock, breaker, fail, trip } = broken()
  trip()
  for (const pause of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
    expect(breaker.state.retryAt).toBe(clock.now() + pause * 1000)
    clock.advance(pause * 1000 - 1)
    expect(() => breaker.check()).toThrow('is left alone')
    clock.advance(1)
    breaker.check()
    fail()
  }
})

test('an attempt whose end nobody reports does not lock the server for ever', () => {
  const { clock, breaker, trip } = broken()
  trip()
  clock.advance(1000)
  breaker.check()
  clock.advance(60_000)
  expect(() => breaker.check()).not.toThrow()
})
