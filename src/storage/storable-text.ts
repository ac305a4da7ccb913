/** A text as both databases can hold it: PostgreSQL has no NUL, and neither has half a surrogate pair. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

/** A parameter of a statement as both databases can hold it. */
export function storable(parameter: unknown): unknown {
  return typeof parameter === "string" ? storableText(parameter) : parameter;
}
