// The passwords that everybody tries first. A short list on purpose: length does the real work.

const WORDS = [
  'passwort',
  'password',
  'passw0rd',
  'p@ssw0rd',
  'p@ssword',
  'pa$$word',
  'kennwort',
  'motdepasse',
  'contrasena',
  'administrator',
  'admin',
  'mooring',
  'claude',
  'anthropic',
  'changeme',
  'letmein',
  'welcome',
  'secret',
  'default',
  'iloveyou',
  'trustno1',
  'football',
  'baseball',
  'sunshine',
  'princess',
  'superman',
  'batman',
  'dragon',
  'monkey',
  'master',
  'shadow',
  'whatever',
  'abcdefghijklmnopqrstuvwxyz',
  'abcdefgh',
  'abc',
  'qwertyuiop',
  'qwertzuiop',
  'qwerty',
  'qwertz',
  'azerty',
  'asdfghjkl',
  'zxcvbnm',
  '1q2w3e4r5t',
  '1q2w3e4r',
  '1qaz2wsx3edc',
  '1qaz2wsx',
  '01234567890',
  '1234567890',
  '123456789',
  '12345678',
  '123456',
  '1234',
  '0987654321',
  '987654321',
  'test',
  'user',
  'root',
  'login',
]

/** Fewer unpredictable characters than this beside known words is as good as none. */
const REST = 6
const FEWEST_DIFFERENT = 5

/** Whether little is left of the password once the obvious words and the login name are taken out. */
export function isObvious(password: string, login: string): boolean {
  const text = password.toLowerCase()
  if (new Set(text).size < FEWEST_DIFFERENT) return true
  const name = login.normalize('NFKC').toLowerCase()
  const words = name.length >= 3 ? [name, ...WORDS] : WORDS
  const rest = words.reduce((left, word) => left.replaceAll(word, ''), text)
  return rest.length < text.length && rest.length < REST
}
