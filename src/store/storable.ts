// Postgres text cannot hold NUL, and neither database a lone surrogate. Hostile text must not be a way to make a log row
// fail, so both become the replacement character, on both dialects alike.

export function storable<T>(value: T): T | string {
  if (typeof value !== 'string') return value
  const text = value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value
  return text.isWellFormed() ? text : text.toWellFormed()
}
