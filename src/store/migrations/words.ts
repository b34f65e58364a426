// The few words in which the two dialects differ; everything else in a migration is the same text for both.

export interface Words {
  dialect: 'sqlite' | 'postgres'
  /** 64-bit integer. */
  int: string
  /** A column that the database counts up and never gives out twice. */
  counter: string
  /** After the closing parenthesis of a table: types are enforced on both sides. */
  end: string
}

export const sqliteWords: Words = {
  dialect: 'sqlite',
  int: 'integer',
  counter: 'integer primary key autoincrement',
  end: 'strict',
}

export const postgresWords: Words = {
  dialect: 'postgres',
  int: 'bigint',
  counter: 'bigint generated always as identity primary key',
  end: '',
}
