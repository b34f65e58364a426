// Ids of every acceptance statement, attack and fault. docs/matrix.md must have one row for each, so that none is forgotten.

const run = (prefix: string, last: number, extra: readonly string[] = []) =>
  Array.from({ length: last }, (_, i) => [
    `${prefix}${i + 1}`,
    ...extra.filter((id) => id === `${prefix}${i + 1}b`),
  ]).flat()

export const statements: Record<string, readonly string[]> = {
  connect: run('C', 23, ['C8b', 'C11b']),
  web: run('W', 10),
  control: run('K', 13, ['K12b']),
  evidence: run('E', 10),
  people: run('P', 11),
  reach: run('R', 10),
  bridge: [...run('B', 34), ...run('I', 2), ...run('D', 3)],
  operations: run('O', 9),
  attacks: run('A', 42),
  faults: run('F', 21),
}
