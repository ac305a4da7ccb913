import { parseJson } from "../json.ts";

/** One event without a name, of JSON that is text already. */
export function sseData(json: string): string {
  return `data: ${json}\n\n`;
}

/** One event with a name. */
export function sseEvent(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

/** An error's body on one line, as an event. */
export function sseError(body: string): string {
  return sseData(JSON.stringify(parseJson(body)));
}
