// All migrations, oldest first. Names are recorded in the database: never rename one, only add at the end.
import type { Migration } from '../migrate.ts'
import { firstEvents, firstState } from './0001-first.ts'
import { addTasks } from './0002-tasks.ts'

export const stateMigrations: readonly Migration[] = [
  { name: '0001-state', up: firstState },
  { name: '0002-tasks', up: addTasks },
]

export const eventMigrations: readonly Migration[] = [{ name: '0001-events', up: firstEvents }]
