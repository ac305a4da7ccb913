import type { KeptBytes } from "../domain/capture.ts";
import { findBytes } from "../lib/bytes.ts";
import { decode } from "../lib/decode.ts";

/** What was kept of an answer, and the encoding that its bytes are in. */
export type KeptAnswer = { readonly kept: KeptBytes; readonly encoding: string | undefined };

/** A shorter value is no secret, and stands in texts by chance. */
const shortestSecret = 8;
/** How much of an encoded answer is looked at; errors are short. */
const maxDecodedBytes = 262_144;

/** Masks secrets in what was kept, since some providers quote the key that they refuse; the bytes themselves, which may be going down, stay. */
export function maskAnswer(answer: KeptAnswer, values: readonly string[]): KeptAnswer {
  const secrets = values.filter(isSecret);
  const { kept, encoding } = answer;
  if (secrets.length === 0 || kept.head.length === 0) return answer;
  if (encoding !== undefined) return maskEncoded(answer, encoding, secrets);
  const { head, tail } = kept;
  return { encoding, kept: { ...kept, head: mask(head, secrets), ...(tail && { tail: mask(tail, secrets) }) } };
}

/** A body that goes down without a key that isn't its reader's: the same bytes where it doesn't hold it. */
export function maskKey(bytes: Uint8Array, key: string): Uint8Array {
  return isSecret(key) ? mask(bytes, [key]) : bytes;
}

function isSecret({ length }: string): boolean {
  return length >= shortestSecret;
}

/** Where it holds a secret it is kept decoded; nothing behind a gap could be. */
function maskEncoded(answer: KeptAnswer, encoding: string, secrets: readonly string[]): KeptAnswer {
  const { head, total } = answer.kept;
  const decoded = decode(head, encoding, maxDecodedBytes);
  if (!decoded) return answer;
  const masked = mask(decoded.bytes, secrets);
  return masked === decoded.bytes ? answer : { kept: { head: fill(masked, total), total }, encoding: undefined };
}

/** A short text may be shorter than its encoding: white space at its end keeps it from looking cut. */
function fill(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const filled = new Uint8Array(length).fill(0x20);
  filled.set(bytes);
  return filled;
}

/** Every secret by as many asterisks, so that lengths stay true; the same bytes where there was none. */
function mask(bytes: Uint8Array, secrets: readonly string[]): Uint8Array {
  let masked = bytes;
  for (const secret of secrets) {
    const found = Buffer.from(secret);
    let at = findBytes(masked, found);
    // The bytes may be those that go down.
    if (at !== -1 && masked === bytes) masked = bytes.slice();
    for (; at !== -1; at = findBytes(masked, found, at + found.length)) masked.fill(0x2a, at, at + found.length);
  }
  return masked;
}
