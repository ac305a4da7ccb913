/** A file in a form: what it is called and how large it is, never its bytes. */
export type FormFile = {
  readonly name: string;
  readonly filename: string;
  readonly type?: string;
  readonly bytes: number;
};

/** A form's text fields by name, a list where a name comes more than once, and its files. */
export type Form = {
  readonly fields: Readonly<Record<string, string | readonly string[]>>;
  readonly files: readonly FormFile[];
};

/** A form's body, of which all, or the first and the last part, were kept. */
export type FormBody = { readonly head: Uint8Array; readonly tail?: Uint8Array; readonly total: number };

/** A form with more parts is read so far. */
const maxParts = 1_000;
const endOfHeaders = "\r\n\r\n";

/**
 * Reads a `multipart/form-data` body (RFC 7578) of which the middle or the end may be missing;
 * `undefined` where the content type names no boundary.
 */
export function readMultipart(contentType: string, { head, tail, total }: FormBody): Form | undefined {
  const boundary = parameter(contentType, "boundary");
  if (!boundary) return undefined;
  const bytes = Buffer.concat(tail ? [head, tail] : [head]);
  const gap = { at: head.length, bytes: total - bytes.length };
  const fields = new Map<string, string | string[]>();
  const files: FormFile[] = [];
  for (const { headers, from, to } of listParts(bytes, boundary)) {
    const disposition = headers.get("content-disposition") ?? "";
    const name = parameter(disposition, "name");
    if (name === undefined) continue;
    const filename = parameter(disposition, "filename");
    if (filename === undefined) addField(fields, name, bytes.toString("utf8", from, to));
    else {
      const missing = from <= gap.at && gap.at <= to ? gap.bytes : 0;
      files.push({ name, filename, type: headers.get("content-type"), bytes: to - from + missing });
    }
  }
  return { fields: Object.fromEntries(fields), files };
}

/** A part's headers by lower-case name, and where its body stands. */
type Part = { readonly headers: ReadonlyMap<string, string>; readonly from: number; readonly to: number };

function listParts(bytes: Buffer, boundary: string): readonly Part[] {
  const delimiter = `\r\n--${boundary}`;
  const parts: Part[] = [];
  // The first delimiter may stand at the very start, without its line break.
  let at = bytes.indexOf(delimiter.slice(2)) + delimiter.length - 2;
  if (at < delimiter.length - 2) return parts;
  while (parts.length < maxParts && bytes.toString("latin1", at, at + 2) !== "--") {
    const next = bytes.indexOf(delimiter, at);
    const to = next === -1 ? bytes.length : next;
    const length = bytes.subarray(at, to).indexOf(endOfHeaders);
    if (length !== -1) {
      const headers = readHeaders(bytes.toString("utf8", at, at + length));
      parts.push({ headers, from: at + length + endOfHeaders.length, to });
    }
    if (next === -1) break;
    at = next + delimiter.length;
  }
  return parts;
}

function readHeaders(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, Math.max(colon, 0)).trim().toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return new Map(lines);
}

/** A parameter of a header's value, quoted or not; names are matched whole (`name` isn't `filename`). */
function parameter(header: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|[;\\s])${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(header);
  return match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2];
}

function addField(fields: Map<string, string | string[]>, name: string, value: string) {
  const before = fields.get(name);
  if (before === undefined) fields.set(name, value);
  else if (typeof before === "string") fields.set(name, [before, value]);
  else before.push(value);
}
