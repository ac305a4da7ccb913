import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createConnection, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { needs } from "../needs.ts";
import { makeFolder, run } from "../runtime-contract/child.ts";
import { startWeir, waitFor } from "../weir.ts";
import { hash, noise, slices } from "./bytes.ts";
import { families, type Family } from "./chat.ts";
import { type Answer, type Request, send } from "./client.ts";
import { openConsumer, openSocketUpstream } from "./sockets.ts";
import { openWire, type Running, type Wire } from "./wire.ts";

/** So much shorter than `PROXY_TIMEOUT_MS` that nobody could take one for the other. */
const connectTimeoutMs = 2500;
/** The time of one provider that has less than that for all of it. */
const hastyMs = 300;
const operatorKey = "canary-operator-4Ut8kM";
const consumerKey = "canary-consumer-9Zx2qT";

/** What a consumer is told when its provider can't be connected to. */
type Failure = { readonly code: string; readonly status: 502 | 504; readonly says: string };

const untrusted: Failure = { code: "upstream_unreachable", status: 502, says: "its TLS certificate" };
const failures: Readonly<Record<string, Failure>> = {
  refusing: { code: "upstream_unreachable", status: 502, says: "it refused the connection" },
  nameless: { code: "upstream_unreachable", status: 502, says: "its name could not be resolved" },
  hung: { code: "upstream_timeout", status: 504, says: "No connection to" },
};

let hung: HungServer;
let wire: Wire;
beforeAll(async () => {
  hung = await openHungServer();
  const origin = `http://127.0.0.1:${hung.port}`;
  wire = await openWire({
    env: { CONNECT_TIMEOUT_MS: String(connectTimeoutMs), PROXY_TIMEOUT_MS: "60000" },
    yaml: () =>
      `providers:
  hasty: { base_url: "${origin}", dialect: openai, timeout_ms: ${hastyMs} }
${writeProviders("refusing", "http://127.0.0.1:1")}
${writeProviders("nameless", "http://there-is-no-such-name.invalid")}
${writeProviders("hung", origin)}`,
  });
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await hung[Symbol.asyncDispose]();
});

describe("a provider to which no connection can be made: its consumer is told why in the shape of its API, and no secret", () => {
  for (const [kind, failure] of Object.entries(failures)) {
    for (const family of families) {
      test.concurrent(`${kind}, ${family.name}`, () => expectFailure(wire, callOf(kind, family), failure, family));
    }
  }
});

const upgrade: Request = {
  headers: [
    ["connection", "Upgrade"],
    ["upgrade", "websocket"],
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ],
};
const requests: Readonly<Record<string, Request>> = {
  "a call": { method: "POST", headers: [["content-type", "application/json"]], body: "{}" },
  "a call without a body": {},
  "an upload that is streamed": {
    method: "POST",
    headers: [["content-type", "application/octet-stream"]],
    body: noise(300_000),
  },
  "a WebSocket": upgrade,
};

describe("a provider to which no connection stands in time is 504 upstream_timeout then", () => {
  for (const [provider, limitMs] of Object.entries({ "hung-openai": connectTimeoutMs, hasty: hastyMs })) {
    for (const [what, request] of Object.entries(requests)) {
      test.concurrent(`${what}, within ${limitMs} ms`, async () => {
        const started = performance.now();
        const running = wire.open({ ...request, target: `/${provider}/v1/x` }, undefined);
        const answer = await running.answer.finally(running.leave);
        expect([answer.status, answer.header("x-weir-error")]).toEqual([504, "upstream_timeout"]);
        const ratio = (answer.endedAt - started) / limitMs;
        expect(ratio).toBeGreaterThan(0.95);
        // Nobody could take one of the three for another.
        expect(ratio).toBeLessThan(7);
        expect(await running.record()).toMatchObject({ outcome: "failed", cause: "upstream_timeout", status: 504 });
      });
    }
  }
});

test.concurrent("a provider that is connected to and only slow to answer is none of CONNECT_TIMEOUT_MS", async () => {
  // Nothing else is sent to this one: a provider that has just answered is not watched.
  const { answer } = await wire.exchange({ target: "/v1beta/models" }, async (seen) => {
    await Bun.sleep(2 * connectTimeoutMs);
    seen.answer();
  });
  expect(answer.status).toBe(200);
});

test.concurrent("with CONNECT_TIMEOUT_MS=0 connecting is left to PROXY_TIMEOUT_MS", async () => {
  await using weir = await startWeir({
    env: { CONNECT_TIMEOUT_MS: "0", PROXY_TIMEOUT_MS: "900", UPSTREAM_BASE_URL: `http://127.0.0.1:${hung.port}` },
  });
  const started = performance.now();
  const answer = await send(weir.port, { target: "/v1/models" });
  expect([answer.status, answer.header("x-weir-error")]).toEqual([504, "upstream_timeout"]);
  expect(performance.now() - started).toBeGreaterThan(850);
  expect(answer.text).toContain("did not answer in time");
});

test("calls that wait for a connection keep nobody else waiting", async () => {
  await waitForQuiet();
  const waiting = Array.from({ length: 100 }, () => wire.open({ target: "/hung-openai/v1/x" }));
  await waitFor(() => countOpening(wire.weir.pid, hung.port) >= 100, "They don't connect");
  for (let n = 0; n < 20; n += 1) expect((await wire.exchange({ target: "/v1/models" })).answer.status).toBe(200);
  expect(waiting.map(({ status }) => status())).toEqual(waiting.map(() => undefined));
  for (const { answer } of waiting) expect((await answer).status).toBe(504);
});

test("once a call has ended, nothing tries any more to connect for it", async () => {
  const { answer } = await wire.exchange({ target: "/hung-openai/v1/x" });
  expect(answer.status).toBe(504);
  await waitForQuiet();
});

test("a consumer that leaves while its provider is being connected to is recorded at once", async () => {
  await waitForQuiet();
  const running = wire.open({ target: "/hung-openai/v1/x" });
  await waitFor(() => countOpening(wire.weir.pid, hung.port) > 0, "It does not connect");
  await Bun.sleep(100);
  running.leave();
  const record = await running.record();
  expect(record).toMatchObject({ outcome: "aborted", cause: "client_closed" });
  expect(record.duration_ms).toBeLessThan(connectTimeoutMs);
});

describe("a provider that is called over TLS", () => {
  const openssl = Bun.which("openssl");
  const withOpenssl = needs("openssl", openssl !== null);
  const opened: AsyncDisposable[] = [];
  /** It knows the system's certificates alone. */
  let doubting: Wire;
  /** It was given the provider's certificate. */
  let trusting: Wire;

  beforeAll(async () => {
    if (openssl === null) return;
    const certificate = await makeCertificate(openssl);
    const sockets = openSocketUpstream();
    const front = await openFront(certificate, () => trusting.upstreams.other.port);
    const socketFront = await openFront(certificate, () => Number(new URL(sockets.url).port));
    sockets.scripts.set("", { message: (socket, data) => void socket.send(data) });
    const yaml = () =>
      `providers:
  talking: { base_url: "https://127.0.0.1:${socketFront.port}", dialect: openai }
${writeProviders("secure", `https://127.0.0.1:${front.port}`)}
${writeProviders("misnamed", `https://localhost:${front.port}`)}`;
    doubting = await openWire({ yaml });
    trusting = await openWire({ yaml, env: { NODE_EXTRA_CA_CERTS: certificate.path } });
    const stopSockets = { [Symbol.asyncDispose]: sockets.stop };
    opened.push(doubting, trusting, front, socketFront, stopSockets, certificate);
  });
  afterAll(async () => {
    for (const one of opened) await one[Symbol.asyncDispose]();
  });

  for (const family of families) {
    withOpenssl(`with a certificate that nobody vouches for: ${family.name} is told that TLS failed`, () =>
      expectFailure(doubting, callOf("secure", family), untrusted, family),
    );
    withOpenssl(`with a certificate of another name: ${family.name} is told that TLS failed`, () =>
      expectFailure(trusting, callOf("misnamed", family), untrusted, family),
    );

    withOpenssl(
      `with a certificate in NODE_EXTRA_CA_CERTS: ${family.name}'s stream passes byte by byte as it comes`,
      async () => {
        const body = Buffer.concat([Buffer.from(family.first + family.say("one")), noise(100_000)]);
        const running = trusting.open(callOf("secure", family), async (seen) => {
          await seen.body;
          seen.begin([["content-type", "application/octet-stream"]]);
          seen.chunk(body.subarray(0, 1000));
          await waitFor(() => running.body().length > 0, "The first bytes don't come before the last");
          for (const piece of slices(body.subarray(1000), [1, 2, 3, 50_000, 1])) seen.chunk(piece);
          seen.end();
        });
        const answer = await running.answer;
        expect([answer.status, answer.end, hash(answer.body)]).toEqual([200, "clean", hash(body)]);
        expect(await running.record()).toMatchObject({ outcome: "answered", status: 200 });
      },
    );
  }

  withOpenssl("gets an upload of megabytes byte for byte", async () => {
    const body = noise(3_000_000, 7);
    const headers = [["content-type", "application/octet-stream"]] as const;
    const call: Request = { method: "POST", target: "/secure-openai/v1/files", headers, body };
    const { answer, seen } = await trusting.exchange(call);
    expect([answer.status, hash((await seen[0]?.body) ?? "")]).toEqual([200, hash(body)]);
  });

  withOpenssl("speaks WebSocket over it, and is refused where nobody vouches for it", async () => {
    const { answer } = await doubting.exchange({ ...upgrade, target: "/talking/v1/realtime" });
    expect([answer.status, answer.header("x-weir-error")]).toEqual([502, "upstream_unreachable"]);
    const consumer = await openConsumer(`ws://127.0.0.1:${trusting.weir.port}/talking/v1/realtime`);
    consumer.socket.send("hello");
    await consumer.until(1);
    expect(consumer.received).toEqual(["hello"]);
    consumer.socket.close();
  });
});

/** A provider of each family at an origin, called with a key of the operator's, as YAML. */
function writeProviders(kind: string, origin: string): string {
  const write = ({ name }: Family) =>
    `  ${kind}-${name}: { base_url: "${origin}", dialect: ${name}, key: ${operatorKey} }`;
  return families.map(write).join("\n");
}

/** A call of the family to its provider of that kind, with a credential in two places. */
function callOf(kind: string, { name, call }: Family): Request {
  const target = `/${kind}-${name}${call.target}`;
  return {
    ...call,
    target: `${target}${target.includes("?") ? "&" : "?"}key=${consumerKey}`,
    headers: [...(call.headers ?? []), ["authorization", `Bearer ${consumerKey}`]],
  };
}

/** Makes a call, and checks that it ends with this failure, told in its family's shape, and that no secret is told with it. */
async function expectFailure({ open, weir }: Wire, call: Request, { code, status, says }: Failure, { name }: Family) {
  const running: Running = open(call);
  const answer = await running.answer;
  expect([answer.status, answer.header("x-weir-error"), answer.end]).toEqual([status, code, "clean"]);
  expect(answer.json()).toEqual(shapesOf(expect.stringContaining(says), code, status, answer)[name]);
  const record = await running.record();
  expect(record).toMatchObject({ outcome: "failed", cause: code, status });
  expect(record.error?.message).toContain(says);
  const told = JSON.stringify([answer.headers, answer.text, record]) + weir.output();
  expect(told).not.toContain(operatorKey);
  expect(told).not.toContain(consumerKey);
  expect(answer.text).not.toMatch(/\bat \S+:\d+|\/src\/|node_modules/);
}

/** An error of each family, whole. */
function shapesOf(message: unknown, code: string, status: 502 | 504, answer: Answer): Readonly<Record<string, object>> {
  const late = status === 504;
  const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code, domain: "weir" }];
  return {
    openai: { error: { message, type: "server_error", param: null, code } },
    anthropic: {
      type: "error",
      error: { type: late ? "timeout_error" : "api_error", message },
      request_id: answer.header("x-weir-exchange-id"),
    },
    gemini: { error: { code: status, message, status: late ? "DEADLINE_EXCEEDED" : "UNAVAILABLE", details } },
  };
}

/** Waits until nothing tries to connect to the server that hangs; by itself the system would go on for minutes. */
async function waitForQuiet(): Promise<void> {
  const opening = () => countOpening(wire.weir.pid, hung.port);
  await waitFor(
    () => opening() === 0,
    () => `${opening()} connections are still being opened`,
  );
}

/** How many connections a process is opening to a port: those in `SYN_SENT`, as Linux lists them. */
function countOpening(pid: number, port: number): number {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => readLink(`/proc/${pid}/fd/${fd}`)));
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return rows.filter((row) => {
    const [, , to, state, , , , , , inode] = row.trim().split(/\s+/);
    return to === remote && state === "02" && own.has(`socket:[${inode}]`);
  }).length;
}

/** What a descriptor stands for, where it is still open. */
function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A server whose connections never open: nobody accepts them, and its backlog is full. */
type HungServer = AsyncDisposable & { readonly port: number };

const listener = `
const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
console.log(server.port);
`;

/** Stops a process that listens, and fills its backlog until a connection no longer opens. */
async function openHungServer(): Promise<HungServer> {
  const folder = await makeFolder({ "listener.ts": listener });
  const child = Bun.spawn([process.execPath, join(folder.path, "listener.ts")], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  child.kill("SIGSTOP");
  const sockets: Socket[] = [];
  let open = 0;
  while (open === sockets.length && sockets.length < 10_000) {
    for (let n = 0; n < 100; n += 1) {
      const socket = createConnection({ port, host: "127.0.0.1" });
      socket.on("connect", () => (open += 1));
      socket.on("error", () => {});
      sockets.push(socket);
    }
    await waitFor(() => open === sockets.length, "The backlog is full", 1500).catch(() => {});
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
      await child.exited;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A certificate that nobody signed but itself, for the loopback address and no name. */
type Certificate = AsyncDisposable & { readonly path: string; readonly cert: string; readonly key: string };

async function makeCertificate(openssl: string): Promise<Certificate> {
  const folder = await makeFolder();
  const [path, keyPath] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=weir", "-addext", "subjectAltName=IP:127.0.0.1"];
  const command = [openssl, "req", ...kind, ...names, "-out", path, "-keyout", keyPath];
  const { code, stderr } = await run(command, { env: {}, cwd: folder.path });
  if (code !== 0) throw new Error(`openssl made no certificate:\n${stderr}`);
  const [cert, key] = await Promise.all([Bun.file(path).text(), Bun.file(keyPath).text()]);
  return { path, cert, key, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** Speaks TLS in front of a port that speaks none. */
async function openFront({ cert, key }: Certificate, targetPort: () => number) {
  const server = createTlsServer({ cert, key }, (socket) => {
    const behind = connect({ port: targetPort(), host: "127.0.0.1" });
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server's address is never a pipe's name.
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}
