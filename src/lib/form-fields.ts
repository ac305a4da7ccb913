/** A field of a form: its text, or none where it is a file. */
export type FormField = { readonly name: string; readonly text: string | undefined };

/**
 * Lists the fields of a `multipart/form-data` body (RFC 7578), for who has to be sure of them: `undefined` for whatever two
 * readers could take for two different forms, such as a delimiter, a header or a name that isn't written as usual.
 */
export function listFormFields(contentType: string, bytes: Buffer): readonly FormField[] | undefined {
  const boundary = readBoundary(contentType);
  if (boundary === undefined) return undefined;
  const delimiter = `--${boundary}`;
  const fields: FormField[] = [];
  let at = bytes.indexOf(delimiter);
  if (at !== 0 && !(at === 2 && isLineEnd(bytes, 0))) return undefined;
  for (;;) {
    at += delimiter.length;
    if (isText(bytes, at, "--")) return isBlank(bytes, at + 2) ? fields : undefined;
    const next = bytes.indexOf(delimiter, at);
    if (!isLineEnd(bytes, at) || next < at + 4 || !isLineEnd(bytes, next - 2)) return undefined;
    const field = readPart(bytes.subarray(at + 2, next - 2));
    if (field === undefined) return undefined;
    fields.push(field);
    at = next;
  }
}

/** What `multipart/form-data; boundary=…` names, if it says that once and nothing that may be read in another way. */
function readBoundary(contentType: string): string | undefined {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim());
  if (type.toLowerCase() !== "multipart/form-data") return undefined;
  const found: string[] = [];
  for (const parameter of parameters) {
    const [, name = "", quoted, bare] = /^([\w-]+)=(?:"([^"\\]*)"|([^\s"]+))$/.exec(parameter) ?? [];
    if (name === "") return undefined;
    if (name.toLowerCase() === "boundary") found.push(quoted ?? bare ?? "");
  }
  const [boundary] = found;
  // RFC 2046, section 5.1.1
  return found.length === 1 && boundary !== undefined && /^[\w'()+./:=?-]{1,70}$/.test(boundary) ? boundary : undefined;
}

const endOfHeaders = "\r\n\r\n";
/** So many bytes of headers does a part have at most; the usual two take a hundred. */
const longestHeaders = 8_000;

function readPart(part: Buffer): FormField | undefined {
  const end = part.subarray(0, longestHeaders).indexOf(endOfHeaders);
  if (end === -1) return undefined;
  const lines = part.toString("utf8", 0, end).split("\r\n");
  const headers = lines.map((line) => /^([\w-]+):[ \t]*([^\r\n\0]*)$/.exec(line)?.slice(1) ?? []);
  let disposition: string | undefined;
  for (const [name, value = ""] of headers) {
    if (name === undefined) return undefined;
    if (/^content-transfer-encoding$/i.test(name) && !/^(?:7bit|8bit|binary)$/i.test(value)) return undefined;
    if (!/^content-disposition$/i.test(name)) continue;
    if (disposition !== undefined) return undefined;
    disposition = value;
  }
  const found = disposition === undefined ? undefined : readDisposition(disposition);
  if (found === undefined) return undefined;
  return { name: found.name, text: found.isFile ? undefined : part.toString("utf8", end + endOfHeaders.length) };
}

function readDisposition(value: string): { readonly name: string; readonly isFile: boolean } | undefined {
  const parameters = value.replace(/^form-data(?=[ \t;])/i, "").trim();
  const parameter = /;[ \t]*([\w-]+\*?)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s;"]+))[ \t]*/y;
  const names: string[] = [];
  let isFile = false;
  while (parameter.lastIndex < parameters.length) {
    const [, key, quoted, bare = ""] = parameter.exec(parameters) ?? [];
    if (key === undefined || /^name\*$/i.test(key)) return undefined;
    if (/^name$/i.test(key)) names.push(quoted ?? bare);
    else if (/^filename\*?$/i.test(key)) isFile = true;
  }
  const [name] = names;
  // Some readers undo escapes in a name, and some don't.
  return names.length === 1 && name !== undefined && !/[\\%]/.test(name) ? { name, isFile } : undefined;
}

function isLineEnd(bytes: Buffer, at: number): boolean {
  return isText(bytes, at, "\r\n");
}

function isText(bytes: Buffer, at: number, text: string): boolean {
  return bytes.toString("latin1", at, at + text.length) === text;
}

/** Nothing, or the end of a line. */
function isBlank(bytes: Buffer, from: number): boolean {
  return bytes.length === from || (bytes.length === from + 2 && isLineEnd(bytes, from));
}
