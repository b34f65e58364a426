// What a person reads when an authorization request fails and there is no client to send them back to: what happened,
// why, and what to do.

import { masked } from '../kernel/mask.ts'
import type { Message } from './deps.ts'
import { reasonOf } from './reason.ts'
import { checkRedirectUri } from './redirect-rules.ts'
import type { PageError } from './unit-of-work.ts'

type Said = Pick<Message, 'title' | 'text' | 'remedy'> & { details?: readonly string[] }

export function refusalMessage(page: PageError): Message {
  return { status: page.status, code: page.code, details: [], ...said(page) }
}

function said(page: PageError): Said {
  const { reason, remedy } = reasonOf(page.error)
  if (page.code === 'invalid_redirect_uri') return redirectRefused(page)
  if (page.code === 'invalid_client' || page.code === 'invalid_client_metadata') {
    if (page.clientId?.startsWith('https://'))
      return {
        title: 'The client could not be checked',
        text: `The metadata document of this client cannot be used: ${reason}`,
        remedy:
          remedy ?? 'Tell the maker of the client, or ask your admin for a client id of your own.',
        details: [page.clientId],
      }
    return {
      title: 'The client is unknown here',
      text: 'Its registration was removed or revoked, or was made with another gateway.',
      remedy: 'Remove the connection in the client and add it again: it then registers anew.',
      details: page.clientId === null ? [] : [page.clientId],
    }
  }
  if (page.error instanceof Error && page.error.name === 'SessionNotFound')
    return {
      title: 'This sign-in has expired',
      text: 'It was not finished in time, was finished before, or was started in another browser.',
      remedy: 'Start again from the client. Nothing was granted.',
    }
  if (page.status >= 500)
    return {
      title: 'Something went wrong here',
      text: 'The gateway could not answer this sign-in. Its log has the details.',
      remedy: 'Start again from the client. If it happens again, tell your admin.',
    }
  return {
    title: 'The client asked for something it cannot have',
    text: page.description || reason,
    remedy: remedy ?? 'Start again from the client; if it happens again, tell its maker.',
  }
}

function redirectRefused({ redirectUri, registered }: PageError): Said {
  const rule = redirectUri === null ? null : checkRedirectUri(redirectUri)
  const why = rule ?? 'It is not one of the addresses that this client registered.'
  return {
    title: 'The address to return to is not allowed',
    text: `${redirectUri === null ? 'The request names none.' : masked(redirectUri)} was refused: ${why} Only the port of an http address on localhost, 127.0.0.1 or [::1] may differ.`,
    remedy: 'Remove the connection in the client and add it again, or register this address.',
    details: registered.map((uri) => `Registered: ${uri}`),
  }
}
