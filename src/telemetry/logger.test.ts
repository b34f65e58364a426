import { errors } from 'undici'
import { describe, expect, it } from 'vitest'
import { AppError } from '../kernel/app-error.ts'
import { createLogger } from './logger.ts'

function logger() {
  const written: string[] = []
  const log = createLogger('debug', { write: (text) => void written.push(text) })
  return { log, text: () => written.join(''), line: () => JSON.parse(written.join('')) }
}

const HOSTILE = {
  'line ends': 'a\nb\r\nc\u2028d\u2029e\u0085f\u000bg',
  'terminal commands': '\u001b[2J\u001b]0;owned\u0007\u009b31m',
  'hidden and turned text': 'a\u202ecba\u2066x\u200b\u{e0041}\ufeff',
  'NUL and lone surrogates': 'a\0b\ud800c',
  formula: '=cmd|"/c calc"!A1',
}

describe('one event', () => {
  it.each(Object.entries(HOSTILE))('is one line, with %s in every part of it', (_, text) => {
    const { log, text: written, line } = logger()
    const error = Object.assign(new Error(text), { code: text })
    log.warn({ [text]: text, server: { name: [text] }, err: error }, text)
    expect(written()).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+\n$/u)
    expect(line()).toMatchObject({ msg: text, server: { name: [text] }, err: { message: text } })
  })
})

describe('of an error', () => {
  const SECRET = 's3cr3t-t0k3n'

  it('what a library hangs on it is not written', () => {
    const { log, text, line } = logger()
    const parser = Object.assign(new errors.HTTPParserError('not HTTP'), {
      code: 'HPE_INVALID',
      data: SECRET,
    })
    const client = Object.assign(new Error('lost'), { client: { password: SECRET }, code: '57P01' })
    log.error({ err: new AppError('server_garbage', 'It broke.', { cause: parser }) }, 'failed')
    expect(text()).not.toContain(SECRET)
    expect(line()).toMatchObject({
      err: { message: 'It broke.', code: 'server_garbage', cause: { code: 'HPE_INVALID' } },
    })
    log.error({ error: client }, 'failed')
    expect(text()).not.toContain(SECRET)
    expect(text()).toContain('57P01')
  })

  it('the words of others are not written, nor what looks like a credential', () => {
    const { log, text } = logger()
    const said = new AppError('server_start', 'The program ended.', { said: ` Last: ${SECRET}` })
    log.error({ err: said }, 'failed')
    log.error({ err: new Error('outer', { cause: said }) }, 'failed')
    log.error({ err: new Error(`no route for Bearer ${SECRET}`) }, 'failed')
    log.error({ err: new TypeError(`cannot reach postgres://u:${SECRET}@db/x`) }, 'failed')
    log.error({ url: `https://x.example/?key=${SECRET}` }, 'failed')
    expect(said.message).toContain(SECRET)
    expect(text()).not.toContain(SECRET)
    expect(text()).toContain('The program ended.')
  })

  it('where it happened is written, without its first line', () => {
    const { log, line } = logger()
    log.error({ err: new Error(`line one ${SECRET}\n    at ${SECRET}`) }, 'failed')
    expect(line().err.stack).toContain('logger.test.ts')
    expect(line().err.stack).not.toContain(SECRET)
  })
})
