// Every error code, its HTTP status, CLI exit code and meaning. docs/errors.md is generated from this table.

interface ErrorCodeEntry {
  status: number
  exit: 1 | 2 | 3 | 4 | 5 | 6 | 7
  meaning: string
}

const define = <const T extends Record<string, ErrorCodeEntry>>(table: T) => table

export const errorCodes = define({
  internal: {
    status: 500,
    exit: 1,
    meaning: 'A fault of ours. The log has the details under the request id.',
  },
  usage: { status: 400, exit: 2, meaning: 'The command or its options are wrong.' },
  bad_request: { status: 400, exit: 2, meaning: 'The request cannot be understood.' },
  invalid_input: { status: 400, exit: 2, meaning: 'A value does not have the required form.' },
  too_large: { status: 413, exit: 2, meaning: 'The request is over a size limit.' },
  unsupported_media: {
    status: 415,
    exit: 2,
    meaning: 'The body has a content type or encoding that is not accepted.',
  },
  not_found: { status: 404, exit: 2, meaning: 'There is no such thing.' },
  wrong_path: {
    status: 404,
    exit: 4,
    meaning: 'Nothing answers at this path. The message names the right URL.',
  },
  method_not_allowed: {
    status: 405,
    exit: 2,
    meaning: 'The path exists, but not for this HTTP method.',
  },
  conflict: { status: 409, exit: 2, meaning: 'The change clashes with what is stored.' },
  gone: { status: 410, exit: 2, meaning: 'It existed, and has expired or been used.' },
  wrong_host: { status: 421, exit: 4, meaning: 'The Host header is not one of this gateway.' },
  wrong_origin: {
    status: 403,
    exit: 4,
    meaning: 'A browser page of a foreign origin made the request.',
  },
  rate_limited: {
    status: 429,
    exit: 4,
    meaning: 'Too many requests. The answer says when to try again.',
  },
  overloaded: { status: 503, exit: 4, meaning: 'The gateway cannot take more work now.' },
  storage_unavailable: {
    status: 503,
    exit: 1,
    meaning: 'The store cannot be read or written, so nothing was done.',
  },
  storage_newer: { status: 500, exit: 6, meaning: 'The data was written by a newer version.' },
  data_locked: { status: 503, exit: 6, meaning: 'The data folder cannot be used.' },
  secret_unreadable: {
    status: 500,
    exit: 6,
    meaning: 'A stored secret does not open: another key, or it was altered.',
  },
  config_invalid: {
    status: 500,
    exit: 6,
    meaning: 'The configuration has a mistake. Nothing was applied.',
  },
  port_in_use: { status: 500, exit: 6, meaning: 'Another program listens on the address.' },
  token_missing: { status: 401, exit: 3, meaning: 'No credential was sent.' },
  token_malformed: {
    status: 401,
    exit: 3,
    meaning: 'The credential does not have the form of a token or key.',
  },
  token_unknown: {
    status: 401,
    exit: 3,
    meaning: 'The credential was never issued here, or its record has been removed.',
  },
  token_expired: { status: 401, exit: 3, meaning: 'The credential was good and has expired.' },
  token_revoked: { status: 401, exit: 3, meaning: 'The credential was withdrawn.' },
  token_wrong_resource: {
    status: 401,
    exit: 3,
    meaning: 'The credential was issued for another endpoint.',
  },
  user_disabled: {
    status: 401,
    exit: 3,
    meaning: 'The account behind the credential is disabled.',
  },
  sign_in_needed: { status: 401, exit: 3, meaning: 'A person has to sign in first.' },
  sign_in_failed: { status: 401, exit: 3, meaning: 'Login name or password is wrong.' },
  forbidden: { status: 403, exit: 3, meaning: 'The account may not do this.' },
  insufficient_scope: {
    status: 403,
    exit: 3,
    meaning: 'The token lacks a scope. The answer lists what the call needs.',
  },
  tool_forbidden: { status: 403, exit: 5, meaning: 'No policy permits the call.' },
  approval_needed: { status: 403, exit: 5, meaning: 'The call needs the approval of a person.' },
  invalid_redirect: { status: 400, exit: 2, meaning: 'A redirect address is not allowed.' },
  invalid_client_metadata: {
    status: 400,
    exit: 2,
    meaning: 'The registration of a client is not acceptable.',
  },
  client_document: {
    status: 400,
    exit: 4,
    meaning: 'The metadata document of a client cannot be used.',
  },
  blocked_address: {
    status: 400,
    exit: 4,
    meaning: 'The URL leads to an address that must not be reached.',
  },
  fetch_failed: { status: 502, exit: 4, meaning: 'A foreign URL could not be read.' },
  session_unknown: {
    status: 404,
    exit: 4,
    meaning: 'The MCP session does not exist or has ended. Initialize again.',
  },
  server_unknown: { status: 404, exit: 2, meaning: 'No server has this name.' },
  server_start: { status: 503, exit: 4, meaning: 'The program of a server did not start.' },
  server_unreachable: { status: 503, exit: 4, meaning: 'A server does not answer.' },
  server_garbage: { status: 503, exit: 4, meaning: 'A server answers something that is not MCP.' },
  server_timeout: { status: 504, exit: 4, meaning: 'A server did not answer before the deadline.' },
  server_closed: {
    status: 503,
    exit: 4,
    meaning: 'A server ended or lost the connection in the middle of a call.',
  },
  server_refused: {
    status: 503,
    exit: 4,
    meaning: 'A server refused the credential of the gateway.',
  },
  tool_unknown: {
    status: 404,
    exit: 5,
    meaning: 'No tool has this name, or it is hidden from this account.',
  },
  tool_arguments: {
    status: 400,
    exit: 5,
    meaning: 'The arguments do not match the schema of the tool.',
  },
  tool_failed: { status: 500, exit: 5, meaning: 'The tool ran and reported an error.' },
  check_failed: { status: 500, exit: 7, meaning: 'A check found something wrong.' },
})

export type ErrorCode = keyof typeof errorCodes
