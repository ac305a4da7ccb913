import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { needs } from "../needs.ts";
import { makeFolder } from "../runtime-contract/child.ts";
import { waitFor } from "../weir.ts";
import { openai } from "./chat.ts";
import { openCall, type Request, writeRequest } from "./client.ts";
import { openWire, type Wire } from "./wire.ts";

const isLong = process.env["WEIR_LONG"] === "1";
const connections = 10_000;
/** What a process may have open, sockets among it; Bun raises it as far as it can. */
const maxOpenFiles = Number(
  Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString().replace("unlimited", "Infinity"),
);
const isEnough = maxOpenFiles >= connections + 1000;

describe(`while ${connections} connections are idle`, () => {
  const withFiles = needs(`a "ulimit -n" of ${connections + 1000}`, isEnough);
  let wire: Wire;
  let crowd: Crowd;
  let before: { readonly memory: number; readonly files: number; readonly callMs: number };

  beforeAll(async () => {
    if (!isEnough) return;
    wire = await openWire();
    await timeCalls(wire);
    const { weir } = wire;
    before = { memory: weir.memory().now, files: countFiles(weir.pid), callMs: await timeCalls(wire) };
    crowd = await openCrowd(weir.port);
  }, 60_000);
  afterAll(async () => {
    if (!isEnough) return;
    await crowd[Symbol.asyncDispose]();
    await wire[Symbol.asyncDispose]();
  });

  withFiles("all of them are open", async () => {
    const more = () => countFiles(wire.weir.pid) - before.files;
    await waitFor(
      () => more() >= connections,
      () => `It has accepted ${more()}`,
    );
    expect(crowd.count("closed")).toEqual({ silent: 0, begun: 0, answered: 0 });
  });

  withFiles("others are answered as fast as before, and a stream comes piece by piece", async () => {
    // The rest is the machine's own unrest; what idle connections cost, they cost each time.
    const most = 3 * before.callMs + 1;
    let callMs = await timeCalls(wire);
    for (let tries = 1; tries < 5 && callMs >= most; tries += 1) callMs = Math.min(callMs, await timeCalls(wire));
    expect(callMs).toBeLessThan(most);
    const running = wire.open(openai.call, async (seen) => {
      await seen.body;
      seen.begin();
      seen.chunk(openai.say("one"));
      await running.until(openai.say("one"));
      seen.chunk(openai.last);
      seen.end();
    });
    expect(await running.answer).toMatchObject({ status: 200, end: "clean", text: openai.say("one") + openai.last });
    expect(await running.record()).toMatchObject({ outcome: "answered", usage: { total: 17 } });
  });

  withFiles("each of them holds less than 4 KB", () => {
    expect((wire.weir.memory().now - before.memory) / connections).toBeLessThan(4096);
  });

  withFiles(
    "those without a whole head are closed within 20 s, and nothing is left of them; the others still work",
    async () => {
      const { silent, begun, answered } = crowd.count("opened");
      await waitFor(
        () => crowd.count("closed").silent === silent && crowd.count("closed").begun === begun,
        () => `Only these were closed: ${JSON.stringify(crowd.count("closed"))}`,
        60_000,
      );
      await waitFor(
        () => countFiles(wire.weir.pid) - before.files < answered + 20,
        () => `${countFiles(wire.weir.pid)} files are open`,
      );
      expect(crowd.count("closed").answered).toBe(0);
      crowd.askAgain();
      await waitFor(() => crowd.count("answers").answered === 2 * answered, "They are not answered again");
      expect((await wire.exchange({ target: "/v1/models" })).answer.status).toBe(200);
    },
    60_000,
  );

  withFiles("the program doesn't wait for them after SIGTERM, and closes them", async () => {
    const { answered } = crowd.count("opened");
    const asked = performance.now();
    expect(await wire.weir.stop("SIGTERM")).toBe(0);
    expect(performance.now() - asked).toBeLessThan(15_000);
    await waitFor(() => crowd.count("closed").answered === answered, "They are not closed");
  });
});

describe("silence", () => {
  let wire: Wire;
  beforeAll(async () => {
    if (isLong) wire = await openWire();
  });
  afterAll(async () => {
    if (isLong) await wire[Symbol.asyncDispose]();
  });
  /** Longer than 65 s, and than an idle connection is kept. */
  const silentMs = 80_000;
  const get: Request = { target: "/v1/models" };

  long("of a stream, in its middle, is no reason to cut it", async () => {
    const running = wire.open(
      openai.call,
      async (seen) => {
        await seen.body;
        seen.begin();
        seen.chunk(openai.say("one"));
        await Bun.sleep(silentMs);
        seen.chunk(openai.last);
        seen.end();
      },
      silentMs + 10_000,
    );
    expect(await running.answer).toMatchObject({ status: 200, end: "clean", text: openai.say("one") + openai.last });
    expect(await running.record()).toMatchObject({ outcome: "answered" });
  });

  for (const [what, request] of Object.entries({ "a POST": { ...openai.call, body: "{}" }, "a GET": get })) {
    long(`before the head of an answer to ${what} is no reason to cut it`, async () => {
      const running = wire.open(
        request,
        async (seen) => {
          await seen.body;
          await Bun.sleep(silentMs);
          seen.answer({ body: '{"late":true}' });
        },
        silentMs + 10_000,
      );
      expect(await running.answer).toMatchObject({ status: 200, end: "clean", text: '{"late":true}' });
      expect(running.seen.length).toBe(1);
    });
  }

  long("is what a slow upload is full of, and it arrives whole", async () => {
    const headers = [["content-length", "4"]] as const;
    const running = wire.open({ method: "POST", target: "/v1/files", headers }, undefined, 120_000);
    for (const byte of "1234") {
      await Bun.sleep(silentMs / 4);
      running.write(byte);
    }
    expect(await running.answer).toMatchObject({ status: 200, end: "clean" });
    expect((await running.seen[0]?.body)?.toString()).toBe("1234");
  });

  long("of a minute lets a connection be used again", async () => {
    const connection = openCall(wire.weir.port, get);
    expect((await connection.answer).status).toBe(200);
    await Bun.sleep(60_000);
    const again = Promise.withResolvers<string>();
    connection.socket.on("data", (bytes: Buffer) => again.resolve(bytes.toString()));
    connection.socket.on("close", () => again.resolve("It was closed"));
    connection.write(writeRequest(get));
    expect(await again.promise).toStartWith("HTTP/1.1 200 OK");
    connection.leave();
  });

  const lastingMs = 25_000;
  for (const [what, answerMs] of Object.entries({ "an answer": 0, "an answer that took long": lastingMs })) {
    long(`of 75 s after ${what} closes a connection`, async () => {
      const running = wire.open(
        get,
        async (seen) => {
          await Bun.sleep(answerMs);
          seen.answer();
        },
        lastingMs + 10_000,
      );
      const { endedAt, status } = await running.answer;
      expect(status).toBe(200);
      const closed = Promise.withResolvers<number>();
      running.socket.on("end", () => closed.resolve(performance.now() - endedAt));
      const took = await Promise.race([closed.promise, Bun.sleep(95_000)]);
      running.leave();
      expect(took).toBeGreaterThan(70_000);
      expect(took).toBeLessThan(85_000);
    });
  }
});

/** Those tests take minutes, side by side. */
function long(name: string, run: () => Promise<void>): void {
  if (isLong) test.concurrent(name, run, 180_000);
  else test.skip(`${name} (skipped: long: set WEIR_LONG=1)`, run);
}

/** Many connections that do nothing, held by a process of their own: a third has sent nothing, a third half a head, a third has had an answer. */
type Crowd = AsyncDisposable & {
  readonly count: (what: "opened" | "answers" | "closed") => Readonly<Record<"silent" | "begun" | "answered", number>>;
  /** Sends another request on those that had an answer. */
  readonly askAgain: () => void;
};

type Counts = Readonly<Record<Parameters<Crowd["count"]>[0], ReturnType<Crowd["count"]>>>;

/** Tells how they do ten times a second. */
const crowdClient = `
const [port, count] = process.argv.slice(-2).map(Number);
const request = "GET /live HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n";
const sent = { silent: "", begun: request.slice(0, 9), answered: request };
const kinds = Object.keys(sent);
const zeros = () => Object.fromEntries(kinds.map((kind) => [kind, 0]));
const counts = { opened: zeros(), answers: zeros(), closed: zeros() };
const again = [];
const open = (kind) => Bun.connect({ hostname: "127.0.0.1", port, socket: {
  open(socket) {
    counts.opened[kind] += 1;
    socket.write(sent[kind]);
    if (kind === "answered") again.push(() => socket.write(request));
  },
  data(_socket, bytes) {
    if (bytes.includes("200 OK")) counts.answers[kind] += 1;
  },
  close() {
    counts.closed[kind] += 1;
  },
  error() {},
} });
process.on("message", () => again.map((ask) => ask()));
setInterval(() => process.send(counts), 100);
// No more at once than wait to be accepted.
for (let n = 0; n < count; n += 250)
  await Promise.all(Array.from({ length: Math.min(250, count - n) }, (_, at) => open(kinds[Math.floor((3 * (n + at)) / count)])));
`;

async function openCrowd(port: number): Promise<Crowd> {
  const folder = await makeFolder({ "crowd.ts": crowdClient });
  let counts: Counts | undefined;
  const child = Bun.spawn([process.execPath, join(folder.path, "crowd.ts"), String(port), String(connections)], {
    stdio: ["ignore", "inherit", "inherit"],
    // Written by the client above.
    ipc: (message) => (counts = message as Counts),
  });
  const count: Crowd["count"] = (what) => counts?.[what] ?? { silent: 0, begun: 0, answered: 0 };
  const isOpen = () => {
    const { silent, begun, answered } = count("opened");
    return silent + begun + answered === connections && count("answers").answered === answered;
  };
  await waitFor(isOpen, () => `Only these are open: ${JSON.stringify(counts)}`, 40_000);
  return {
    count,
    askAgain: () => child.send("again"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The median of two hundred calls, one after the other; milliseconds. */
async function timeCalls({ weir }: Wire): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 200; n += 1) {
    const started = performance.now();
    const answer = await fetch(`${weir.url}/v1/models`);
    expect([answer.status, await answer.text()]).toEqual([200, "{}"]);
    times.push(performance.now() - started);
  }
  return times.toSorted((one, other) => one - other)[times.length / 2] ?? 0;
}

/** What a process has open, as Linux lists it. */
function countFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
