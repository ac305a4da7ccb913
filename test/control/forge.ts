const prefix = "sk-weir-";

/** A text of a token's form: 32 characters, and 6 that check them. */
export const tokenForm = /^sk-weir-[0-9A-Za-z]{38}$/;

const alphabets = [
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
] as const;

/** A text that nobody minted, whose checksum is right: a token's own first characters, then others. */
export function forgeToken(genuine: string, kept = 0): string {
  const random = genuine.slice(prefix.length, -6);
  const others = Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => alphabets[0][byte % 62] ?? "0");
  // Of 62 characters one would be the token's own.
  if (others[kept] === random[kept]) others[kept] = random[kept] === "a" ? "b" : "a";
  return seal(genuine, random.slice(0, kept) + others.slice(kept).join(""));
}

/** A token of which one character is another, with its checksum made right again. */
export function alterToken(genuine: string, at: number): string {
  const random = genuine.slice(prefix.length, -6);
  const other = random[at] === "a" ? "b" : "a";
  return seal(genuine, random.slice(0, at) + other + random.slice(at + 1));
}

/** A token with a wrong character, as somebody mistypes it. */
export function mistypeToken(genuine: string, at = prefix.length + 5): string {
  return genuine.slice(0, at) + (genuine[at] === "a" ? "b" : "a") + genuine.slice(at + 1);
}

/** The checksum's alphabet and what it covers are learnt from a genuine token, since nobody but its maker needs to know. */
function seal(genuine: string, random: string): string {
  const covers = [(text: string) => text, (text: string) => prefix + text];
  const checks = alphabets.flatMap((alphabet) =>
    covers.map((cover) => (text: string) => writeBase62(Bun.hash.crc32(cover(text)), alphabet)),
  );
  const check = checks.find((one) => one(genuine.slice(prefix.length, -6)) === genuine.slice(-6));
  if (check === undefined) throw new Error("The last 6 characters of a token are not its CRC32 in base62");
  return prefix + random + check(random);
}

function writeBase62(value: number, alphabet: string): string {
  let rest = value;
  let text = "";
  for (let digit = 0; digit < 6; digit += 1) {
    text = (alphabet[rest % 62] ?? "") + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
