import { z } from "zod";

const sinkBooks = z.object({
  name: z.string(),
  status: z.enum(["ok", "failing"]),
  reason: z.string().optional(),
  received: z.number(),
  delivered: z.number(),
  pending: z.number(),
  rejected: z.number(),
  dropped: z.record(z.string(), z.number()),
  sampled_out: z.number(),
});

const health = z.object({
  telemetry: z.object({ outbox: z.object({ bytes: z.number(), bodies_shed: z.number() }), sinks: z.array(sinkBooks) }),
});

/** A sink's books, as the health page tells them. */
export type Books = z.infer<typeof sinkBooks>;

/** Reads the health page's part on telemetry; a worker that is busy is asked again. */
export async function readHealth(url: string, tries = 20): Promise<z.infer<typeof health>["telemetry"]> {
  const answer = await fetch(`${url}/health`);
  const read = health.safeParse(await answer.json());
  if (!read.success && tries > 1) return readHealth(url, tries - 1);
  if (!read.success) throw read.error;
  return read.data.telemetry;
}

/** The books of every sink, by its name; waits until all of them are as wanted, and throws with them where they never are. */
export async function readBooks(
  url: string,
  wanted: (books: Books) => boolean = () => true,
  timeoutMs = 25_000,
): Promise<Readonly<Record<string, Books>>> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const { sinks } = await readHealth(url);
    if (sinks.every(wanted)) return Object.fromEntries(sinks.map((books) => [books.name, books]));
    if (Date.now() > until) throw new Error(`After ${timeoutMs} ms the books are ${JSON.stringify(sinks)}`);
    await Bun.sleep(20);
  }
}

/** How much more a sink has received than its other counts say; 0 where its books are right. */
export function unaccounted({ received, delivered, pending, rejected, dropped, sampled_out }: Books): number {
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  return received - delivered - pending - rejected - lost - sampled_out;
}

/** The metrics page as `name{labels}` and value. */
export async function readMetrics(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}
