// JSON in the body of a request: only what every parser reads in the same way, within the limits of json-scan.ts.
import { isAppError } from './app-error.ts'
import { scanMessage } from './json-scan.ts'

/** Any value: what it must be is for the caller to say. @throws AppError bad_request | too_large */
export function readJson(bytes: Buffer): unknown {
  try {
    scanMessage(bytes)
  } catch (error) {
    // A single value is no message, but it is JSON.
    if (!isAppError(error) || error.data?.problem !== 'shape') throw error
  }
  return JSON.parse(bytes.toString('utf8'))
}
