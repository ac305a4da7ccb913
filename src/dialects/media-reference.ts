import type { MediaReference } from "../domain/output.ts";
import { present, text } from "./json.ts";

/** A reference to media that came as base64: its type and how large it is. */
export function fromBase64(type: string, base64: string, id?: string): MediaReference {
  return { type, bytes: base64Bytes(base64), ...present({ id }) };
}

/** A reference to media at a URL; a `data:` URL is measured and left out. `type` is what it is where the URL doesn't say. */
export function fromUrl(type: string, url: string): MediaReference {
  if (!url.startsWith("data:")) return { type, url };
  const comma = url.indexOf(",");
  const [stated] = url.slice("data:".length, Math.max(comma, 0)).split(";", 1);
  return fromBase64(text(stated) ?? type, url.slice(comma + 1));
}

/** How many bytes a base64 text stands for. */
export function base64Bytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.floor((base64.length * 3) / 4) - padding;
}
