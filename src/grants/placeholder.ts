// Recognises what configuration files contain when nobody filled in the blank: ${VAR}, $VAR, %VAR%, {{x}}, <your-key>.

const FORMS: readonly RegExp[] = [
  /^\$\{[^{}]*\}$/, // shells, editors: ${MOORING_KEY}, ${env:KEY}, ${input:key}
  /^\$\{\{.*\}\}$/, // workflow files
  /^\$\(.*\)$/,
  /^\$(env:)?[A-Za-z_]\w*$/, // shells
  /^%[A-Za-z_]\w*%$/, // Windows
  /^\{\{?[^{}]*\}?\}$/, // templates
  /^<[^<>]*>$/, // documentation
  /^\[[^[\]]*\]$/,
  /^(your|my|insert|replace|paste|enter|add)[\s_-].*(key|token|secret|here)$/i,
  /^(changeme|todo|x{3,}|\*{3,}|\.{3,}|…+)$/i,
  /^m[ktr]_(x+|\.+|…+|\*+|your.*)$/i,
]

const LONGEST_SHOWN = 40

/** The placeholder, in a form that may be shown; null when the text is none. */
export function placeholderIn(text: string): string | null {
  const trimmed = text.trim()
  if (!FORMS.some((form) => form.test(trimmed))) return null
  // A real secret between the brackets must not be repeated into a reply or a log.
  const harmless = trimmed.length <= LONGEST_SHOWN && !/m[ktr]_[0-9A-Za-z]{12}/.test(trimmed)
  return harmless ? trimmed : `${trimmed[0]}…`
}
