/** What names a moment, in any vendor's spelling. */
const momentNames = /(?:^created|_at|[a-z]Time|_time|^timestamp|-reset)$/;
/** What may differ in an answer's head: framing, and what the gateway adds (`x-request-id` where the provider sent none). */
const headNames =
  /^(?:x-weir-.*|server-timing|x-request-id|date|connection|keep-alive|content-length|transfer-encoding)$/;
/** Where a mock is. */
const address = /http:\/\/127\.0\.0\.1:\d+/g;

/**
 * What an SDK gave, in a form that can be compared: own values all the way down, an error by its class and all that it
 * tells. Moments become their type, and of heads stays what a provider said.
 */
export function plain(value: unknown, name = ""): unknown {
  if (momentNames.test(name) && value !== null && value !== undefined) return `a moment as ${typeof value}`;
  if (value instanceof Error) return plainError(value);
  if (value instanceof Headers) return plainHead(Object.fromEntries(value));
  if (value instanceof Uint8Array || value instanceof ArrayBuffer)
    return Buffer.from(new Uint8Array(value)).toString("hex");
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (typeof value === "string") return value.replaceAll(address, "http://provider");
  if (typeof value !== "object" || value === null) return typeof value === "function" ? undefined : value;
  const entries = Object.entries(value).map(([key, part]) => [key, plainMember(key, part)]);
  // OpenAI's and Anthropic's SDKs hide it from enumeration.
  const id: unknown = "_request_id" in value ? value._request_id : undefined;
  return { ...Object.fromEntries(entries), ...(id === undefined ? {} : { _request_id: id }) };
}

function plainMember(key: string, part: unknown): unknown {
  const isHead = /^(?:headers|responseHeaders)$/.test(key) && typeof part === "object" && part !== null;
  return isHead && !(part instanceof Headers) ? plainHead({ ...part }) : plain(part, key);
}

function plainHead(head: Readonly<Record<string, unknown>>): unknown {
  const told = Object.entries(head).filter(([name]) => !headNames.test(name.toLowerCase()));
  return Object.fromEntries(told.map(([name, text]) => [name, plain(text, name)]));
}

function plainError(error: Error): unknown {
  const told = Object.entries(error).filter(([key]) => key !== "url" && key !== "stack");
  const members = told.map(([key, part]) => [key, plainMember(key, part)]);
  return { ...Object.fromEntries(members), class: error.constructor.name, message: error.message };
}
