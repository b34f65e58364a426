// What is switched off to see that the tests of sign-in, consent, registration and tokens notice it.
// Run: npm run defences authserver
import type { Defence } from './defence.ts'

const AUTH = 'src/authserver'

const attacks: readonly Defence[] = [
  {
    row: 'A4',
    file: `${AUTH}/prompts.ts`,
    find: `    row?.kind === 'static' &&
    row.trusted === 1 &&
`,
    replace: '',
    test: 'test/e2e/sign-in-attacks.test.ts',
    title:
      'of a live session and an earlier consent gets no code out, however it leads the browser',
  },
  {
    row: 'A4',
    file: 'src/pages/forms.ts',
    find: 'if (!sameSecret(mac, macOf(deps, target, expires, nonce)))',
    replace: 'if (mac.length > 1000)',
    test: 'test/e2e/sign-in-attacks.test.ts',
    title:
      'cannot answer the consent page for the person: not from its site, not with a token of its own',
  },
  {
    row: 'A5',
    file: `${AUTH}/interactions.ts`,
    find: 'await library.interactionDetails(...message()).catch(',
    replace:
      "await library.Interaction.find(uid).then((one) => one ?? Promise.reject(new errors.SessionNotFound('none'))).catch(",
    test: `${AUTH}/consent.test.ts`,
    title: 'threats 5: a consent page opened in another browser is refused',
  },
  {
    row: 'A6',
    file: `${AUTH}/prompts.ts`,
    find: 'currentUnit().facts.silently === true ||',
    replace: 'true ||',
    test: `${AUTH}/consent.test.ts`,
    title:
      'threats 6: with Sec-Fetch-Site %s even a trusted client is asked about, whoever is signed in',
  },
  {
    row: 'A7',
    file: `${AUTH}/registration-rules.ts`,
    find: '[\\p{Cf}\\p{Co}\\p{Cn}\\u115f\\u1160\\u3164\\uffa0]|[\\ufe00-\\ufe0f]',
    replace: '\\ufe0f',
    test: 'src/authserver/registration-rules.test.ts',
    title: 'an invisible name gives way to the host',
  },
  {
    row: 'A7',
    file: 'src/pages/shown.ts',
    find: 'if (!isUnseen(character) && marks <= MOST_MARKS)',
    replace: 'if (marks <= MOST_MARKS)',
    test: 'src/pages/shown.test.ts',
    title: 'whatever comes in, nothing unseen and no markup of theirs comes out',
  },
  {
    row: 'A7',
    file: 'src/pages/shown.ts',
    find: 'if (Array.from(name).some(imitates))',
    replace: 'if (name.length > 100_000)',
    test: 'src/pages/shown.test.ts',
    title: 'oddities name what is wrong with a name',
  },
  {
    row: 'A8',
    file: `${AUTH}/redirect-rules.ts`,
    find: 'if (registered.includes(asked)) return true',
    replace: 'if (registered.some((uri) => asked.startsWith(uri))) return true',
    test: `${AUTH}/redirect-rules.test.ts`,
    title: 'registered %s does not allow %s',
  },
  {
    row: 'A8',
    file: `${AUTH}/redirect-rules.ts`,
    find: ' || !USUAL_HOST.test(host)',
    replace: '',
    test: `${AUTH}/redirect-attacks.test.ts`,
    title: 'puts nothing but itself into the policy of the consent page',
  },
  {
    row: 'A9',
    file: `${AUTH}/configuration.ts`,
    find: 'pkce: { required: () => true }',
    replace: 'pkce: { required: () => false }',
    test: `${AUTH}/code-flow.test.ts`,
    title:
      'RFC 7636: a request without PKCE or with the plain method is refused, and a wrong verifier gets no token',
  },
  {
    row: 'A9',
    file: `${AUTH}/adapter.ts`,
    find: `if (done.numUpdatedRows === 0n)
            throw new Conflict(\`The \${model} was used by another request.\`)`,
    replace: '',
    test: `${AUTH}/code-flow.test.ts`,
    title: 'of many parallel redemptions of one code exactly one wins',
  },
  {
    row: 'A12',
    file: 'src/grants/authenticate.ts',
    find: 'if (known.resource !== EVERY && known.resource !== endpointPath(path))',
    replace: 'if (known.resource === null)',
    test: 'test/e2e/sign-in-attacks.test.ts',
    title: 'issued for %s is refused everywhere else, in every spelling',
  },
  {
    row: 'A38',
    file: `${AUTH}/registration-room.ts`,
    find: 'if (count.ofNetwork >= limits.registrationsPerHour)',
    replace: 'if (count.ofNetwork < 0)',
    test: `${AUTH}/registration.test.ts`,
    title: 'one network can register only so many clients in an hour; others are not held up',
  },
  {
    row: 'A38',
    file: `${AUTH}/registration-room.ts`,
    find: 'if (count.recent >= limits.registrationsPerHourInAll)',
    replace: 'if (count.recent < 0)',
    test: `${AUTH}/registration.test.ts`,
    title: 'many networks together can register only so many in an hour',
  },
  {
    row: 'A38',
    file: `${AUTH}/registration-room.ts`,
    find: ' || bytes >= limits.clientBytes',
    replace: ' || bytes < 0',
    test: `${AUTH}/registration.test.ts`,
    title:
      'what is kept about clients is bounded in bytes; those unused for an hour make room at once',
  },
  {
    row: 'A38',
    file: `${AUTH}/registration-room.ts`,
    find: 'all >= limits.clients',
    replace: 'all < 0',
    test: `${AUTH}/registration.test.ts`,
    title: 'the number of clients is bounded, and clients that nobody used make room after a day',
  },
  {
    row: 'A38',
    file: `${AUTH}/strangers.ts`,
    find: 'const wait = requests.take(userId ?? ip)',
    replace: 'const wait = userId === ip ? 1 : 0',
    test: `${AUTH}/strangers.test.ts`,
    title:
      'one network may begin only so many sign-ins; people elsewhere and people signed in go on',
  },
  {
    row: 'A38',
    file: `${AUTH}/strangers.ts`,
    find: 'if (!stored || ++sinceTrim < trimEvery) return',
    replace: 'if (trimEvery > 0) return',
    test: `${AUTH}/strangers.test.ts`,
    title:
      'a flood from many networks keeps a bounded number of requests; a consent page stays good',
  },
  {
    row: 'A38',
    file: `${AUTH}/strangers.ts`,
    find: 'if (events.take(origin.ip) > 0) {',
    replace: 'if (events.take(origin.ip) > 1e9) {',
    test: `${AUTH}/strangers.test.ts`,
    title: 'refusals of one network fill no log: the next event says how many were left out',
  },
  {
    row: 'A39',
    file: 'src/people/passwords.ts',
    find: 'stored?.cost ?? cost,',
    replace: 'stored?.cost ?? { N: 2, r: 1, p: 1 },',
    test: 'src/people/timing.test.ts',
    title:
      'a wrong password, a name that nobody has and an account without a password take equally long',
  },
  {
    row: 'A39',
    file: 'src/people/lockout.ts',
    find: 'if (until > now) throw lockedOut(until, now)',
    replace: '',
    test: 'src/people/sign-in.test.ts',
    title: 'stops one network that tries many names; others still get in',
  },
]

const statements: readonly Defence[] = [
  {
    row: 'C13',
    file: `${AUTH}/adapter-client.ts`,
    find: 'await oneAtATime(core, db)',
    replace: '',
    test: `${AUTH}/registration.test.ts`,
    title:
      'identical registrations of public clients get one client_id, also when they come at once',
  },
  {
    row: 'C14',
    file: `${AUTH}/redirect-rules.ts`,
    find: 'known.host === wanted.host && ',
    replace: '',
    test: `${AUTH}/redirect-rules.test.ts`,
    title: 'registered %s does not allow %s',
  },
  {
    row: 'C16',
    file: `${AUTH}/interactions.ts`,
    find: 'if (signedIn.account.id !== userId)',
    replace: "if (userId === '')",
    test: `${AUTH}/consent.test.ts`,
    title: 'consent is refused to a person other than the one who was asked',
  },
  {
    row: 'C17',
    file: `${AUTH}/refresh-rule.ts`,
    find: 'return used === undefined',
    replace: 'return false',
    test: `${AUTH}/refresh.test.ts`,
    title: 'parallel refreshes with one token all succeed, and the connection lives',
  },
  {
    row: 'C17',
    file: `${AUTH}/refresh-rule.ts`,
    find: 'return used === undefined',
    replace: 'return true',
    test: `${AUTH}/refresh.test.ts`,
    title: 'a grandparent is never accepted, however young',
  },
  {
    row: 'C17',
    file: `${AUTH}/refresh-rule.ts`,
    find: 'now - row.consumed_at >= RETRY_WINDOW || ',
    replace: '',
    test: `${AUTH}/refresh.test.ts`,
    title: 'reuse after a minute revokes the whole family and is an alert',
  },
  {
    row: 'C17',
    file: `${AUTH}/refresh-rule.ts`,
    find: ' || row.retries >= RETRIES',
    replace: '',
    test: `${AUTH}/refresh.test.ts`,
    title: 'ten retries are enough',
  },
  {
    row: 'C17',
    file: `${AUTH}/adapter.ts`,
    find: ".where('retries', '<', RETRIES)",
    replace: '',
    test: `${AUTH}/refresh.test.ts`,
    title:
      'thirty at once are too many: no more than the rule allows get through, and the family is revoked',
  },
  {
    row: 'C21',
    file: `${AUTH}/interactions.ts`,
    find: 'delete pending.session',
    replace: '',
    test: `${AUTH}/consent.test.ts`,
    title: 'C21: %s signs in on the consent page of alice, and is asked for consent in turn',
  },
]

export const defences: readonly Defence[] = [...attacks, ...statements]
