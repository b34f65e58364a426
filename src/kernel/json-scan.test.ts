import { describe, expect, it } from 'vitest'
import { parses, scanProblem as problem } from '../../test/fixtures/scan-problem.ts'
import { type Range, scanMessage, splice, spliceAll, stringAt } from './json-scan.ts'

const scan = (text: string) => scanMessage(Buffer.from(text))
const at = (text: string | Buffer, range: Range | null) =>
  range && Buffer.from(text).subarray(range.start, range.end).toString()

describe('finding the members of a message', () => {
  const call =
    ' {"jsonrpc": "2.0" ,"id":12, "method":"tools/call","params":{"name":"a__b","arguments":{"x":[1,{"name":2}]},"_meta":{"progressToken":1}} } '

  it('gives the byte range of every member that a gateway needs', () => {
    const found = scan(call)
    expect(found.kind).toBe('object')
    expect(found.method).toBe('tools/call')
    expect(at(call, found.jsonrpc)).toBe('"2.0"')
    expect(at(call, found.id)).toBe('12')
    expect(at(call, found.methodRange)).toBe('"tools/call"')
    expect(at(call, found.paramsName)).toBe('"a__b"')
    expect(at(call, found.paramsArguments)).toBe('{"x":[1,{"name":2}]}')
    expect(at(call, found.paramsMeta)).toBe('{"progressToken":1}')
    expect(at(call, found.params)).toMatch(/^\{"name".*\}\}$/)
    expect(found.paramsMembers).toBe(3)
    expect(found.paramsUri).toBeNull()
    expect(found.result).toBeNull()
    expect(found.error).toBeNull()
  })

  it('gives the parts of a reply', () => {
    const reply = '{"id":"x","result":{"isError":true,"resultType":"complete","content":[]}}'
    const found = scan(reply)
    expect(found.method).toBeNull()
    expect(at(reply, found.resultIsError)).toBe('true')
    expect(at(reply, found.resultType)).toBe('"complete"')
    const failure = '{"id":null,"error":{"code":-32601,"message":"no"}}'
    expect(at(failure, scan(failure).error)).toBe('{"code":-32601,"message":"no"}')
    expect(at(failure, scan(failure).id)).toBe('null')
  })

  it.each([
    '123456789012345678901234567890',
    '1e400',
    '-0.0',
    '"\\u00e9"',
    '"é😀"',
    '9007199254740993',
  ])('keeps the id %s byte for byte', (id) => {
    const text = `{"id":${id},"method":"ping"}`
    expect(at(text, scan(text).id)).toBe(id)
  })

  it('takes only members of the message itself, of params and of result', () => {
    const text = '{"a":{"id":1,"method":"x","params":{"name":"n"}},"params":[{"name":1}]}'
    const found = scan(text)
    expect(found.id).toBeNull()
    expect(found.method).toBeNull()
    expect(found.paramsName).toBeNull()
    expect(found.paramsMembers).toBe(0)
  })

  it('recognises a member whose name is written with escapes', () => {
    const text = '{"\\u006dethod":"tools/call","params":{"n\\u0061me":"x"}}'
    const found = scan(text)
    expect(found.method).toBe('tools/call')
    expect(at(text, found.paramsName)).toBe('"x"')
  })

  it('decodes a method with escapes, and tells of one that is no string', () => {
    expect(scan('{"method":"tools\\/c\\u0061ll"}').method).toBe('tools/call')
    const odd = scan('{"method":["tools/call"]}')
    expect(odd.method).toBeNull()
    expect(odd.methodRange).not.toBeNull()
  })

  it('lists the elements of a batch', () => {
    const text = '[ {"id":1} , {"id":2,"x":[0]},3]'
    const found = scan(text)
    expect(found.kind).toBe('array')
    expect(found.items.map((item) => at(text, item))).toEqual(['{"id":1}', '{"id":2,"x":[0]}', '3'])
    expect(scan('[]').items).toEqual([])
  })

  it('decodes strings on request', () => {
    const text = Buffer.from('{"params":{"uri":"file:///\\u00e9","name":5}}')
    const found = scanMessage(text)
    expect(stringAt(text, found.paramsUri)).toBe('file:///é')
    expect(stringAt(text, found.paramsName)).toBeNull()
    expect(stringAt(text, null)).toBeNull()
  })

  it('works on a view into a larger buffer', () => {
    const view = Buffer.from('xxx{"id":7}yyy').subarray(3, 11)
    const found = scanMessage(view)
    expect(view.subarray(found.id!.start, found.id!.end).toString()).toBe('7')
  })
})

describe('what is refused', () => {
  it('more than 100 levels', () => {
    const nested = (n: number) => `${'['.repeat(n)}${']'.repeat(n)}`
    expect(problem(nested(100))).toBe('accepted')
    expect(problem(nested(101))).toBe('too_large/depth')
    const objects = (n: number) => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`
    expect(problem(objects(100))).toBe('accepted')
    expect(problem(objects(101))).toBe('too_large/depth')
    expect(problem('['.repeat(1_000_000))).toBe('too_large/depth')
  })

  it('more than 100,000 members, wherever they are', () => {
    const list = (n: number) => `[${Array(n).fill('0').join(',')}]`
    expect(problem(list(100_000))).toBe('accepted')
    expect(problem(list(100_001))).toBe('too_large/members')
    const keys = (n: number) => `{${Array.from({ length: n }, (_, i) => `"${i}":0`).join(',')}}`
    expect(problem(keys(100_000))).toBe('accepted')
    expect(problem(keys(100_001))).toBe('too_large/members')
    expect(problem(`{"a":${list(60_000)},"b":${list(60_000)}}`)).toBe('too_large/members')
  })

  it('keeps to the limits it is given', () => {
    expect(problem('[[0]]', { depth: 1, members: 9 })).toBe('too_large/depth')
    expect(problem('[0,0]', { depth: 9, members: 1 })).toBe('too_large/members')
  })

  it.each(['"__proto__"', '"\\u005f_proto__"', '"__prot\\u006f__"'])('the member %s', (key) => {
    expect(problem(`{${key}:1}`)).toBe('bad_request/proto')
    expect(problem(`{"a":[{"b":{${key}:1}}]}`)).toBe('bad_request/proto')
    const wide = Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join(',')
    expect(problem(`{${wide},${key}:1}`)).toBe('bad_request/proto')
  })

  it('__proto__ only as a name, not as a value', () => {
    expect(problem('{"a":"__proto__","constructor":1,"___proto__":2}')).toBe('accepted')
  })

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"a":2}',
    '{"é":1,"\\u00e9":2}',
    '{"":1,"":2}',
    '{"x":{"a":1,"b":2,"a":3}}',
    '[{"\\ud800":1,"\\ud800":2}]',
    '{"method":"a","params":{"name":"x","na\\u006de":"y"}}',
  ])('a repeated member: %s', (text) => {
    expect(problem(text)).toBe('bad_request/duplicate')
  })

  it('a repeated member of a wide object, at any distance', () => {
    for (const width of [7, 8, 9, 10, 500])
      for (const repeated of [0, 3, width - 1]) {
        const keys = Array.from({ length: width }, (_, i) => `"k${i}":0`)
        expect(problem(`{${[...keys, `"k${repeated}":1`].join(',')}}`)).toBe(
          'bad_request/duplicate',
        )
      }
  })

  it('no equal names of different objects, and no names that only look alike once decoded', () => {
    expect(problem('{"a":{"a":{"a":1}},"b":{"a":1}}')).toBe('accepted')
    expect(problem('[{"a":1},{"a":1}]')).toBe('accepted')
    expect(problem('{"\\ud800":1,"\\ud801":2,"\\ufffd":3,"\ufffd1":4}')).toBe('accepted')
    expect(problem('{"\\u00c3\\u00a9":1,"\\u00e9":2}')).toBe('accepted')
  })

  it.each([
    '{"method":"x","Method":"y"}',
    '{"PARAMS":{}}',
    '{"params":{"name":"read","Name":"delete"}}',
    '{"params":{"NAME":"delete"}}',
    '{"param\u017f":{}}',
    '{"params":{"argument\u017f":{}}}',
    '{"\\u0049D":1}',
  ])('a member that a lenient parser would take for another: %s', (text) => {
    expect(problem(text)).toBe('bad_request/case')
  })

  it('no such names where nothing is decided', () => {
    expect(problem('{"params":{"arguments":{"Name":1,"URI":2,"name":3}}}')).toBe('accepted')
    expect(problem('{"result":{"Name":1}}')).toBe('accepted')
    expect(problem('{"params":{"title":1,"cursor":"x"}}')).toBe('accepted')
  })

  it.each([
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    Buffer.from([0x5b, 0x22, 0xc0, 0xaf, 0x22, 0x5d]),
    Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]),
    Buffer.from('["é"]', 'latin1'),
    Buffer.from('["é"]', 'utf16le').subarray(0, 5),
  ])('bytes that are not UTF-8 (%#)', (bytes) => {
    expect(problem(bytes)).toMatch(/^bad_request\/(utf8|syntax)$/)
  })

  it.each(['1', '"x"', 'null', 'true', ' -1.5e3 '])('the single value %s', (text) => {
    expect(problem(text)).toBe('bad_request/shape')
  })

  it.each([
    '',
    ' ',
    '{',
    '[',
    '{]',
    '[}',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '[1,]',
    '[,1]',
    '{,}',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":1e}',
    '{"a":-}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":undefined}',
    '{"a":tru}',
    '{"a":nulll}',
    '["\\x41"]',
    '["\\u12g4"]',
    '["\\u12"]',
    '["\t"]',
    '["a\nb"]',
    '["abc]',
    '["abc\\"]',
    '{} {}',
    '{}x',
    '[1 2]',
    '{"a":1 "b":2}',
    '\ufeff{}',
    '{}\u00a0',
    '// x\n{}',
    '{"a":1}\0',
  ])('the malformed text %j, as JSON.parse does', (text) => {
    expect(parses(text)).toBe(false)
    expect(problem(text)).toBe('bad_request/syntax')
  })

  it('says where', () => {
    expect(() => scan('{"a":01}')).toThrow('at byte 6')
    expect(() => scan('{"a":1')).toThrow('at its end')
    expect(() => scan('{"a":1,"a":2}')).toThrow(
      'The member "a" stands twice in one object (byte 8)',
    )
  })
})

describe('splice', () => {
  it('replaces a range and keeps every other byte', () => {
    const text = '{ "id" : 123456789012345678901, "method":"x" }'
    const bytes = Buffer.from(text)
    const out = splice(bytes, scanMessage(bytes).id!, '"gw-1"')
    expect(out.toString()).toBe('{ "id" : "gw-1", "method":"x" }')
    expect(bytes.toString()).toBe(text)
  })

  it('replaces several ranges, whatever their order, shorter or longer', () => {
    const bytes = Buffer.from('{"id":1,"params":{"name":"srv__tool","uri":"é"}}')
    const found = scanMessage(bytes)
    const out = spliceAll(bytes, [
      [found.paramsName!, '"tool"'],
      [found.id!, Buffer.from('987654321')],
      [found.paramsUri!, '"ü"'],
    ])
    expect(out.toString()).toBe('{"id":987654321,"params":{"name":"tool","uri":"ü"}}')
    expect(spliceAll(bytes, []).equals(bytes)).toBe(true)
  })

  it('refuses ranges that overlap', () => {
    const bytes = Buffer.from('{"params":{"name":"a"}}')
    const found = scanMessage(bytes)
    expect(() =>
      spliceAll(bytes, [
        [found.params!, '{}'],
        [found.paramsName!, '"b"'],
      ]),
    ).toThrow('overlap')
  })
})
