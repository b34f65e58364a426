// Problem details (RFC 9457) for every JSON answer that is neither OAuth nor JSON-RPC.
import type { AppError } from './app-error.ts'

export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  remedy?: string
}

export function problemOf(error: AppError): Problem & Record<string, unknown> {
  return {
    ...error.data,
    type: `urn:mooring:error:${error.code}`,
    title: error.code.replaceAll('_', ' '),
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.remedy ? { remedy: error.remedy } : {}),
  }
}
