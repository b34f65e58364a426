// One labelled field, with its error tied to it; and the notes that stand above a form.
import { html } from 'hono/html'
import type { Html } from './layout.ts'
import { prose } from './shown.ts'

interface Field {
  name: string
  label: string
  type?: 'text' | 'password' | 'url'
  value?: string | undefined
  autocomplete: string
  hint?: string
  error?: string | undefined
  required?: boolean
  mono?: boolean
  autofocus?: boolean
  maxlength?: number
}

export function field(f: Field): Html {
  const described = [f.error && `${f.name}-error`, f.hint && `${f.name}-hint`].filter(Boolean)
  const on = (condition: boolean | undefined, attribute: string) => condition && ` ${attribute}`
  return html`<div class="field"><label for="${f.name}">${f.label}</label>
<input id="${f.name}" name="${f.name}" type="${f.type ?? 'text'}" value="${f.value ?? ''}" autocomplete="${f.autocomplete}"${
    f.mono ? html` class="mono"` : ''
  } autocapitalize="none" spellcheck="false" maxlength="${f.maxlength ?? 1024}"${
    described.length > 0 && html` aria-describedby="${described.join(' ')}"`
  }${on(f.error !== undefined, 'aria-invalid=true')}${on(f.required, 'required')}${on(f.autofocus, 'autofocus')}>
${f.error !== undefined && html`<p class="error" id="${f.name}-error">${prose(f.error)}</p>`}
${f.hint !== undefined && html`<p class="hint" id="${f.name}-hint">${f.hint}</p>`}</div>`
}

export const note = (
  tone: 'ok' | 'warn' | 'bad' | 'info',
  title: Html | string,
  text?: Html | string,
) =>
  html`<div class="note ${tone}"${tone === 'bad' && html` role="alert"`}><span class="glyph" aria-hidden="true">${
    { ok: '✓', warn: '!', bad: '✕', info: 'i' }[tone]
  }</span><div><p><strong>${title}</strong></p>${text && html`<p>${text}</p>`}</div></div>`
