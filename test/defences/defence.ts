// One defence and the test that has to notice when it is switched off.

export interface Defence {
  /** Row of docs/matrix.md: an attack (`A13`), a fault (`F4`) or a statement (`C8b`). */
  row: string
  /** Source file, relative to the repository. */
  file: string
  /** Text that occurs exactly once in it. */
  find: string
  /** What stands there when the defence is off. The program must still start. */
  replace: string
  /** Test file and title, as docs/matrix.md names them. */
  test: string
  title: string
}
