// Takes out of a text what looks like a credential: for texts that libraries, clients or people wrote and that go to a log.
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Our own: API keys, access and refresh tokens.
  [/\bm[ktr]_[0-9A-Za-z]{12,}/g, '[redacted]'],
  [/\b(Bearer|Basic|Token)(\s+)(?!realm\b)[\w+/.=~-]{6,}/gi, '$1$2[redacted]'],
  // User name and password before a host.
  [/(:\/\/)[^\s/?#"'<>]*@/g, '$1[redacted]@'],
  // Values in a query.
  [/([?&][^\s=?&#"'<>]+=)[^\s&#"'<>]+/g, '$1[redacted]'],
  // V8 quotes the document that it could not parse.
  [
    /(Unexpected (?:non-whitespace )?(?:token|character)).{0,120} is not valid JSON/gs,
    '$1 in JSON',
  ],
]

export const masked = (text: string): string =>
  PATTERNS.reduce((shown, [pattern, instead]) => shown.replace(pattern, instead), text)
