// News that the gateway tells itself when those of a server may have been lost.
import type { RpcNotification } from './link.ts'

/** What a server would say that knew what was missed: its lists are read again. */
export const LISTS_MAY_DIFFER: RpcNotification = { method: 'notifications/tools/list_changed' }
