import type { MiddlewareHandler } from "hono";
import { bodyFault, ManagementFault } from "./fault.ts";
import { readTarget } from "./request-target.ts";
import type { ManagementEnv } from "./routes.ts";

/** Reads a body of at most so many bytes, for whoever asks for it; a larger one is refused as soon as that shows. */
export function limitBody(maxBytes: number): MiddlewareHandler<ManagementEnv> {
  return async (c, next) => {
    const { url, method, headers, body, signal } = c.req.raw;
    if (Number(headers.get("content-length") ?? 0) > maxBytes) throw new ManagementFault("body_too_large");
    if (body) {
      const bytes = await readBytes(body, maxBytes);
      c.req.raw = new Request(`http://localhost${readTarget(url)}`, { method, headers, signal, body: bytes });
    }
    await next();
  };
}

async function readBytes(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      // Leaving the loop cancels the stream.
      if (size > maxBytes) throw new ManagementFault("body_too_large");
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof ManagementFault ? error : bodyFault("it broke off. Send it again");
  }
  return Uint8Array.from(Buffer.concat(chunks));
}
