/** Nano-dollars as dollars in decimal text, exactly: `0.00013`. */
export function writeUsd(nanoUsd: string): string {
  const sign = nanoUsd.startsWith("-") ? "-" : "";
  const digits = nanoUsd.slice(sign.length).padStart(10, "0");
  const decimals = digits.slice(-9).replace(/0+$/, "");
  return `${sign}${digits.slice(0, -9)}${decimals === "" ? "" : `.${decimals}`}`;
}

/** Dollars in decimal text as nano-dollars; `undefined` for what is no such amount, or one beyond what a number holds exactly. */
export function readUsd(text: string): number | undefined {
  const [, whole = "", decimals = ""] = /^(\d{1,7})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (whole === "") return undefined;
  const nanoUsd = Number(whole + decimals.padEnd(9, "0"));
  return Number.isSafeInteger(nanoUsd) ? nanoUsd : undefined;
}
