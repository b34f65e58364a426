// Every event code: its stream, how serious it is unless the event says otherwise, and what it means. Codes are stable;
// the documentation of the logs is generated from this table.
import type { Severity, Stream } from '../store/tables/events.ts'

export interface EventCode {
  stream: Stream
  severity: Severity
  meaning: string
}

const audit = (meaning: string, severity: Severity = 'info'): EventCode => ({
  stream: 'audit',
  severity,
  meaning,
})
const auth = (meaning: string, severity: Severity = 'info'): EventCode => ({
  stream: 'auth',
  severity,
  meaning,
})
const workload = (meaning: string, severity: Severity = 'info'): EventCode => ({
  stream: 'workload',
  severity,
  meaning,
})

const define = <const T extends Record<string, EventCode>>(table: T) => table

export const eventCodes = define({
  'user.created': audit('An account was made.'),
  'user.disabled': audit('An account was disabled; its sessions, grants and keys no longer work.'),
  'user.enabled': audit('A disabled account was enabled again.'),
  'user.password_set': audit('The password of an account was set.'),
  'sign_in.ok': audit('A person signed in.'),
  'sign_in.failed': audit(
    'A sign-in failed: unknown login name, wrong password or disabled.',
    'warn',
  ),
  'sign_in.locked': audit('A sign-in was refused because too many had failed before it.', 'alert'),
  'sign_in.ended': audit('A person signed out, or the session was ended.'),
  'setup_link.created': audit('A link to make the first admin account was issued.'),
  'setup_link.used': audit('The setup link was used, and the first admin account exists.'),
  'client.registered': audit('A client registered itself, or was added by an admin.'),
  'client.trusted': audit('An admin marked a client as trusted.'),
  'client.untrusted': audit('An admin took the mark as trusted away from a client.'),
  'client.restored': audit('A withdrawn client may ask for authorization again.'),
  'client.revoked': audit('A client was withdrawn together with all its grants.'),
  'client.expired': audit('The registration of a client that was never used was removed.'),
  'grant.created': audit('A person allowed a client to use tools in their name.'),
  'grant.revoked': audit('A grant was withdrawn; its tokens are refused from then on.'),
  'key.created': audit('An API key was issued.'),
  'key.revoked': audit('An API key was withdrawn.'),
  'server.added': audit('A server was added.'),
  'server.changed': audit('A server, or who may use it, was changed.'),
  'server.secret_set': audit('The credential that the gateway presents to a server was set.'),
  'server.removed': audit('A server was removed.'),
  'setting.changed': audit('A setting was changed.'),
  'config.applied': audit('The configuration file was applied.'),
  'gateway.started': audit('The gateway started.'),
  'gateway.stopped': audit('The gateway stopped in an orderly way.'),
  'gateway.key_created': audit('The gateway made one of its own keys.'),

  'auth.authorization_requested': auth('A client asked for authorization.'),
  'auth.authorization_refused': auth(
    'The authorization that a client asked for was refused.',
    'warn',
  ),
  'auth.consent_allowed': auth('A person answered the consent page with allow.'),
  'auth.consent_cancelled': auth('A person answered the consent page with cancel.'),
  'auth.code_issued': auth('An authorization code was issued.'),
  'auth.code_reuse': auth(
    'A used authorization code came again; the grant was withdrawn.',
    'alert',
  ),
  'auth.token_issued': auth('An access token was issued for an authorization code.'),
  'auth.token_refreshed': auth('An access token was issued for a refresh token.'),
  'auth.token_revoked': auth('A client gave a token back.'),
  'auth.refresh_retried': auth('A replaced refresh token came again soon, and was accepted.'),
  'auth.refresh_reuse': auth(
    'A replaced refresh token came again late; the grant was withdrawn.',
    'alert',
  ),
  'auth.request_refused': auth('A request to the authorization server was refused.', 'warn'),
  'auth.failed': auth('The authorization server failed.', 'error'),
  'token.refused': auth('A request came without a credential that is good for it.', 'warn'),
  'token.refused_more': auth(
    'Requests without a good credential, beyond the rate at which each has a row; the detail counts them.',
    'warn',
  ),
  'call.refused': auth('A call was refused before it reached a server.', 'warn'),
  'call.failed': auth('A call failed before it reached a server.', 'error'),
  'log.rows_lost': auth('Rows of this log could not be stored; the detail says how many.', 'error'),

  'mcp.request': workload('A request to a server, written before it was sent.'),
  'mcp.response': workload('How a request to a server ended.'),
  'mcp.notification': workload('A notification between a client and a server.'),
})

export type EventCodeName = keyof typeof eventCodes
