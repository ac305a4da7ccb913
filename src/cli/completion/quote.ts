/** A text as bash and zsh take it, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Alternatives of a `case`. */
export function quoteAll(texts: readonly string[]): string {
  return texts.map(quote).join(" | ");
}
