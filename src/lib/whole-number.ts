/** The whole number that a text is, `1000` or, as JSON and YAML write it too, `1e3`; `undefined` for any other text and where a number can't hold it exactly. */
export function readWholeNumber(text: string): number | undefined {
  const number = /^-?\d+(?:e\+?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
