import { join } from "node:path";
import { expect, test } from "bun:test";
import { z } from "zod";
import { findFreePort } from "../free-port.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { containing, type Home, makeHome, matching, openUpstream } from "./program.ts";

/** A collector that refuses what it gets until it is told not to. */
function openCollector() {
  let refuses = true;
  let taken = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      await request.arrayBuffer();
      if (refuses) return Response.json({ message: "this span is not to my taste" }, { status: 400 });
      taken += 1;
      return Response.json({});
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    taken: () => taken,
    relent: () => void (refuses = false),
    [Symbol.dispose]: () => void server.stop(true),
  };
}

async function call(weir: Weir, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await (
      await fetch(`${weir.url}/v1/chat/completions`, {
        method: "POST",
        body: '{"model":"gpt-4o-mini","messages":[]}',
        // Each on a connection of its own, which the system may give to another process.
        keepalive: false,
      })
    ).text();
  }
}

/** What `weir outbox` says of a server's data, as JSON. */
async function ask(home: Home, weir: Weir, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await home.weir(["outbox", ...args, "--json"], { DATA_DIR: weir.dataDir });
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("beside a running server, dead letters are counted, listed, tried again and forgotten", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  using collector = openCollector();
  await using weir = await startWeir({
    env: { UPSTREAM_BASE_URL: upstream.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
  });
  await call(weir, 3);
  await waitFor(
    async () => ((await ask(home, weir))["dead_letters"] === 3 ? true : undefined),
    "no three dead letters",
  );

  const counts = { received: 3, delivered: 0, pending: 0, rejected: 3, dropped: {}, sampled_out: 0, lag_seconds: 0 };
  expect((await ask(home, weir, "status"))["sinks"]).toEqual([
    { name: "otlp", counts },
    { name: "store", counts: { ...counts, delivered: 3, rejected: 0 } },
  ]);
  const { dead_letters: letters } = await ask(home, weir, "dead", "--sink", "otlp", "--limit", "2");
  expect(letters).toHaveLength(2);
  expect(letters).toMatchObject([
    { sink: "otlp", reason: containing("not to my taste"), at: matching(/^\d{4}-.*Z$/) },
    {},
  ]);

  collector.relent();
  expect(await ask(home, weir, "retry", "--sink", "otlp")).toEqual({ retried: 3 });
  await waitFor(() => collector.taken() > 0, "nothing was given again");
  await waitFor(
    async () => ((await ask(home, weir))["dead_letters"] === 0 ? true : undefined),
    "the dead letters stay",
  );

  const purged = await home.weir(["outbox", "purge", "--yes"], { DATA_DIR: weir.dataDir });
  expect([purged.code, purged.stdout]).toEqual([0, "There are no dead letters.\n"]);
}, 30_000);

test("people get tables, and nothing is forgotten unless they say so", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  using collector = openCollector();
  await using weir = await startWeir({
    env: { UPSTREAM_BASE_URL: upstream.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
  });
  await call(weir, 1);
  await waitFor(async () => ((await ask(home, weir))["dead_letters"] === 1 ? true : undefined), "no dead letter");
  await weir.stop();

  const env = { DATA_DIR: weir.dataDir };
  const status = await home.weir(["outbox"], env);
  expect(status.stdout).toMatch(
    /^sink +received +delivered +waiting +rejected [^]*\notlp +1 +0 +0 +1 +0 +0 +0 ms\nstore +1 +1 +0 +0 [^]*\n1 dead letter, /,
  );
  expect((await home.weir(["outbox", "dead"], env)).stdout).toMatch(/\n\S+Z +otlp +[0-9a-f-]{36} +.*not to my taste/);
  const unasked = await home.weir(["outbox", "purge"], env);
  expect([unasked.code, unasked.stderr]).toEqual([2, "Nothing was forgotten. Say --yes where nobody can be asked.\n"]);
  expect((await home.weir(["outbox", "purge", "--sink", "otlp", "--yes"], env)).stdout).toBe(
    "1 dead letter forgotten.\n",
  );
  expect((await home.weir(["outbox", "dead"], env)).stdout).toBe("There are no dead letters.\n");
}, 30_000);

test("where several processes share a port, the outbox of each is shown and seen to, by name", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  using collector = openCollector();
  await using weir = await startWeir({
    env: {
      WEIR_WORKERS: "2",
      PORT: String(await findFreePort()),
      UPSTREAM_BASE_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  });
  const env = { DATA_DIR: weir.dataDir };
  const names = ["worker-0/outbox.db", "worker-1/outbox.db"];
  await waitFor(() => weir.lines.filter((line) => line.includes('"msg":"listening"')).length === 2, weir.output);
  const lettersOf = async () => {
    const { dead_letters: letters } = await ask(home, weir, "dead", "--limit", "9999");
    return z.array(z.object({ outbox: z.string(), at: z.string() })).parse(letters);
  };
  // The system gives each call to one of them.
  await waitFor(async () => {
    await call(weir, 5);
    return new Set((await lettersOf()).map(({ outbox }) => outbox)).size === 2;
  }, "one of them got none");
  let count = 0;
  await waitFor(async () => {
    const { dead_letters: dead, sinks } = await ask(home, weir);
    const counted = z.array(z.object({ counts: z.object({ received: z.number() }) })).parse(sinks);
    count = Number(dead);
    return counted.reduce((sum, { counts }) => sum + counts.received, 0) === 2 * count;
  }, "the books lag behind");

  expect(await ask(home, weir)).toMatchObject({
    dead_letters: count,
    sinks: names.flatMap((outbox) => [
      { outbox, name: "otlp" },
      { outbox, name: "store" },
    ]),
  });
  const { stdout } = await home.weir(["outbox"], env);
  expect(stdout).toMatch(/^outbox +sink +received [^]*\nworker-0\/outbox.db +otlp [^]*\nworker-1\/outbox.db +otlp /);
  expect(stdout).toContain(`\n${count} dead letters, `);
  const letters = await lettersOf();
  expect(letters.length).toBe(count);
  expect(letters.map(({ at }) => at)).toEqual(
    letters
      .map(({ at }) => at)
      .toSorted()
      .toReversed(),
  );
  expect((await home.weir(["outbox", "dead", "--limit", "2"], env)).stdout).toMatch(
    /^outbox +refused at [^\n]*\nworker-[01]\/outbox.db [^\n]*\nworker-[01]\/outbox.db [^\n]*\n$/,
  );
  const one = await home.weir(["outbox", "--json"], { DATA_DIR: join(weir.dataDir, "worker-0") });
  expect(JSON.parse(one.stdout)).toMatchObject({
    dead_letters: letters.filter(({ outbox }) => outbox === names[0]).length,
  });

  expect((await home.weir(["outbox", "retry", "--sink", "otl"], env)).stderr).toContain("did you mean otlp?");
  expect(await ask(home, weir, "purge", "--yes")).toEqual({ purged: count });
  expect((await ask(home, weir))["dead_letters"]).toBe(0);
  await call(weir, 1);
  await waitFor(async () => (await ask(home, weir))["dead_letters"] === 1, "no dead letter");
  collector.relent();
  expect(await ask(home, weir, "retry")).toEqual({ retried: 1 });
  await waitFor(() => collector.taken() === 1, "it was not given again");
}, 60_000);

test("a sink that the outbox doesn't know, and a limit that is none, are usage errors; no outbox is a failure", async () => {
  await using home = await makeHome();
  await using weir = await startWeir();
  const env = { DATA_DIR: weir.dataDir };
  const unknown = await home.weir(["outbox", "retry", "--sink", "fil"], env);
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    '--sink must be one of file, store, not "fil"; did you mean file?\n',
  ]);
  const limit = await home.weir(["outbox", "dead", "--limit", "many"], env);
  expect([limit.code, limit.stderr]).toEqual([2, '--limit must be a number from 1 to 9999, not "many"\n']);
  const none = await home.weir(["outbox"]);
  expect([none.code, none.stderr]).toEqual([
    1,
    "data/outbox.db isn't there: check DATA_DIR, or start the server once\n",
  ]);
});

test("in a shell whose clients call the gateway, the commands beside it work, and a start says what to unset", async () => {
  await using home = await makeHome();
  const env = { ANTHROPIC_BASE_URL: "http://127.0.0.1:3000" };
  expect((await home.weir(["outbox"], env)).stderr).not.toContain("ANTHROPIC_BASE_URL");
  expect((await home.weir(["prices", "explain", "gpt-4o"], env)).code).toBe(0);
  const served = await home.weir(["serve"], env);
  expect([served.code, served.stderr]).toEqual([2, containing("unset it in this shell")]);
});
