import type { Answer, Dialect } from "./dialect.ts";
import { openAnswer } from "./answer-reader.ts";

/** Reads a body as an answer in tests, in pieces of the sizes given (again and again; in one piece without any). */
export function readAnswer(
  dialect: Dialect,
  path: string,
  { type = "application/json", body, sizes = [] }: { type?: string; body: string; sizes?: readonly number[] },
): Answer {
  const reader = openAnswer(dialect, { method: "POST", path }, { contentType: type });
  for (const piece of split(new TextEncoder().encode(body), sizes)) reader.push(piece);
  return reader.end();
}

/** Cuts bytes into pieces of the sizes given, beginning again with the first one. */
export function split(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizes[pieces.length % sizes.length] ?? bytes.length;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** An event stream of these values; `named` tells each one's `type` as the event's name too. */
export function eventStream(events: readonly unknown[], { named = false, ending = "data: [DONE]\n\n" } = {}): string {
  const told = events.map((event) => `${named ? nameOf(event) : ""}data: ${JSON.stringify(event)}\n\n`);
  return told.join("") + ending;
}

function nameOf(event: unknown): string {
  const type = typeof event === "object" && event !== null && "type" in event ? event.type : undefined;
  return typeof type === "string" ? `event: ${type}\n` : "";
}
