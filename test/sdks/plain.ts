/** What names a moment, in any vendor's spelling. */
const momentNames = /(?:^created|_at|[a-z]Time|^timestamp)$/;
/** What differs by design between both ways: addresses, framing, and what the gateway adds to an answer's head. */
const headNames =
  /^(?:x-weir-.*|server-timing|date|connection|keep-alive|content-length|transfer-encoding|content-encoding)$/;

/**
 * What an SDK gave, in a form that can be compared: own values all the way down, an error by its class and all that it
 * tells. Moments become their type, and of heads stays what a provider said.
 */
export function plain(value: unknown, name = ""): unknown {
  if (momentNames.test(name) && value !== null && value !== undefined) return `a moment as ${typeof value}`;
  if (value instanceof Error) return plainError(value);
  if (value instanceof Headers) return plainHead(Object.fromEntries(value));
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return Buffer.from(new Uint8Array(value)).toString("hex");
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (typeof value !== "object" || value === null) return typeof value === "function" ? undefined : value;
  const entries = Object.entries(value).map(([key, part]) => [key, plainMember(key, part)]);
  // OpenAI's and Anthropic's SDKs hide it from enumeration.
  const id: unknown = "_request_id" in value ? value._request_id : undefined;
  return { ...Object.fromEntries(entries), ...(id === undefined ? {} : { _request_id: id }) };
}

function plainMember(key: string, part: unknown): unknown {
  if (/^(?:headers|responseHeaders)$/.test(key) && typeof part === "object" && part !== null) {
    return plainHead(part instanceof Headers ? Object.fromEntries(part) : { ...part });
  }
  return plain(part, key);
}

function plainHead(head: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(head).filter(([name]) => !headNames.test(name.toLowerCase())));
}

function plainError(error: Error): unknown {
  const { url: _, stack: _stack, ...told } = { ...error } as Record<string, unknown>;
  const members = Object.entries(told).map(([key, part]) => [key, plainMember(key, part)]);
  return { ...Object.fromEntries(members), class: error.constructor.name, message: error.message };
}
