/** How a body is to be read. */
export type BodyForm = "json" | "events" | "lines" | "text" | "form" | "binary";

/** The type alone, in lower case, without its parameters. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether a content type says a stream of events, in whatever case. */
export function isEventStream(contentType: string | null | undefined): boolean {
  return mediaType(contentType ?? undefined) === "text/event-stream";
}

/** The form that a media type stands for; `undefined` where there is none. */
export function declaredForm(type: string): BodyForm | undefined {
  if (type === "") return undefined;
  if (type === "application/json" || type.endsWith("+json")) return "json";
  if (type === "text/event-stream") return "events";
  if (type === "multipart/form-data") return "form";
  if (lines.has(type)) return "lines";
  return type.startsWith("text/") || texts.has(type) ? "text" : "binary";
}

/** The form of a body that begins with this byte, whatever its type says: servers send JSON errors as text, and streams as JSON. */
export function actualForm(declared: BodyForm | undefined, first: number): BodyForm {
  if (declared === "binary" || declared === "form" || declared === "lines") return declared;
  const char = String.fromCharCode(first);
  if (char === "{" || char === "[") return "json";
  // No JSON begins like the fields of an event (`data`, `event`) or its comments.
  if (declared !== "text" && (char === "d" || char === "e" || char === ":")) return "events";
  return declared ?? (first < 0x7f ? "text" : "binary");
}

/** Whether a byte says how a body is to be read: no white space, and none of a BOM's. */
export function isTelling(byte: number): boolean {
  return byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf;
}

/** JSON values, one a line: also how the messages of a WebSocket are kept. */
const lines: ReadonlySet<string> = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonlines",
]);

/** Types that are text although they don't begin with `text/`. */
const texts: ReadonlySet<string> = new Set([
  "application/xml",
  "application/yaml",
  "application/x-subrip",
  "application/x-www-form-urlencoded",
]);
