import { findMember, type Member, scanObject, skipSpace } from "../lib/json-scan.ts";

/**
 * Asks a chat stream for its usage where its consumer doesn't: the body with `"stream_options":{"include_usage":true}` in it and
 * no other byte changed, or `undefined` where nothing has to be (or can be) changed.
 * https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
 */
export function spliceUsage(body: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
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
const colon = 0x3a;
const letterT = 0x74;

/** Most bodies ask for no stream, and a native search tells so at once; a name with an escape in it is the same name. */
function mayStream(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(name); at !== -1; at = bytes.indexOf(name, at + name.length)) {
    const after = skipSpace(bytes, at + name.length);
    if (bytes[after] === colon && bytes[skipSpace(bytes, after + 1)] === letterT) return true;
  }
  return bytes.includes("\\u00");
}

function isTrue(bytes: Buffer, member: Member | undefined): boolean {
  return member !== undefined && textOf(bytes, member) === "true";
}

function textOf(bytes: Buffer, { start, end }: Member): string {
  return end - start > 5 ? "" : bytes.toString("latin1", start, end);
}

function insert(bytes: Buffer, at: number, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(text), bytes.subarray(at)]);
}

function replace(bytes: Buffer, { start, end }: Member, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)]);
}
