import { decodeBytes, findBytes } from "../lib/bytes.ts";
import { findMember, type Member, scanObject, skipSpace } from "../lib/json-scan.ts";

/**
 * Asks a chat stream for its usage where its consumer doesn't: the body with `"stream_options":{"include_usage":true}` in it and
 * no other byte changed, or `undefined` where nothing has to be (or can be) changed.
 * https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
 */
export function spliceUsage(bytes: Uint8Array): Uint8Array | undefined {
  if (!mayStream(bytes)) return undefined;
  const members = scanObject(bytes);
  if (!members || !isTrue(bytes, findMember(members, "stream"))) return undefined;
  const options = findMember(members, "stream_options");
  if (!options) return insert(bytes, members[0]?.at ?? 0, '"stream_options":{"include_usage":true},');
  if (textOf(bytes, options) === "null") return replace(bytes, options, '{"include_usage":true}');
  const inner = scanObject(bytes, options.start);
  if (!inner) return undefined;
  const asked = findMember(inner, "include_usage");
  if (isTrue(bytes, asked)) return undefined;
  if (asked) return replace(bytes, asked, "true");
  return insert(bytes, options.start + 1, inner.length > 0 ? '"include_usage":true,' : '"include_usage":true');
}

const name = Buffer.from('"stream"');
const escape = Buffer.from("\\u00");
const colon = 0x3a;
const letterT = 0x74;

/** Most bodies ask for no stream, and a native search tells so at once; a name with an escape in it is the same name. */
function mayStream(bytes: Uint8Array): boolean {
  for (let at = findBytes(bytes, name); at !== -1; at = findBytes(bytes, name, at + name.length)) {
    const after = skipSpace(bytes, at + name.length);
    if (bytes[after] === colon && bytes[skipSpace(bytes, after + 1)] === letterT) return true;
  }
  return findBytes(bytes, escape) !== -1;
}

function isTrue(bytes: Uint8Array, member: Member | undefined): boolean {
  return member !== undefined && textOf(bytes, member) === "true";
}

function textOf(bytes: Uint8Array, { start, end }: Member): string {
  return end - start > 5 ? "" : decodeBytes(bytes, "latin1", start, end);
}

function insert(bytes: Uint8Array, at: number, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(text), bytes.subarray(at)]);
}

function replace(bytes: Uint8Array, { start, end }: Member, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)]);
}
