// The stylesheet and the mark, under names that change with their content, so that browsers may keep them for good.
import { hash } from 'node:crypto'
import type { Hono } from 'hono'
import { components } from './styles/components.ts'
import { connectStyles } from './styles/connect.ts'
import { foundation } from './styles/foundation.ts'

const stylesheet = `${foundation}${components}${connectStyles}`

const mark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="none" stroke-width="2.4" stroke-linecap="round"><path d="M4 3v14M16 3v14M2 3.5h4M14 3.5h4" stroke="#1a1b1e"/><path d="M4 7c1 7 11 7 12 0" stroke="#2a48c8"/></svg>`

const named = (name: string, extension: string, content: string) =>
  `/assets/${name}-${hash('sha256', content, 'hex').slice(0, 12)}.${extension}`

export const stylesheetPath = named('pages', 'css', stylesheet)
export const markPath = named('mark', 'svg', mark)

export function assetRoutes(app: Hono): void {
  const serve = (path: string, type: string, content: string) =>
    app.get(path, (c) =>
      c.body(content, 200, {
        'content-type': type,
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      }),
    )
  serve(stylesheetPath, 'text/css; charset=utf-8', stylesheet)
  serve(markPath, 'image/svg+xml', mark)
}
