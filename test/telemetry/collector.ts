import { decodeOtlp } from "../fakes/otlp-decode.ts";

/** An OpenTelemetry collector that takes everything. */
export type Collector = {
  readonly url: string;
  /** The ids of the spans that came, each once. */
  readonly spanIds: () => ReadonlySet<string>;
  readonly stop: () => Promise<void>;
};

/** Starts one on 127.0.0.1. */
export function startCollector(): Collector {
  const spanIds = new Set<string>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const bytes = new Uint8Array(await request.arrayBuffer());
      const plain = request.headers.get("content-encoding") === "gzip" ? Bun.gunzipSync(bytes) : bytes;
      for (const { spanId } of decodeOtlp(new TextDecoder().decode(plain))) spanIds.add(spanId);
      return Response.json({});
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, spanIds: () => spanIds, stop: () => server.stop(true) };
}
