// The two documents that Claude publishes, as read from public sources in November 2026: networks without a way to
// claude.ai use these copies. Only a fallback; what the origin serves always comes first.

const HOSTED = 'https://claude.ai/oauth/mcp-oauth-client-metadata'
const CLAUDE_CODE = 'https://claude.ai/oauth/claude-code-client-metadata'

const common = {
  client_uri: 'https://claude.ai',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
}

export const PINNED_DOCUMENTS: ReadonlyMap<string, string> = new Map([
  [
    HOSTED,
    JSON.stringify({
      client_id: HOSTED,
      client_name: 'Claude',
      redirect_uris: [
        'https://claude.ai/api/mcp/auth_callback',
        'https://claude.com/api/mcp/auth_callback',
      ],
      ...common,
    }),
  ],
  [
    CLAUDE_CODE,
    JSON.stringify({
      client_id: CLAUDE_CODE,
      client_name: 'Claude Code',
      redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
      ...common,
    }),
  ],
])
