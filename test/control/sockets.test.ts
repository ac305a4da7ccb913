import { afterAll, beforeAll, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { send } from "../wire/client.ts";
import { type ConsumerSocket, openConsumer, openSocketUpstream, type SocketUpstream } from "../wire/sockets.ts";
import type { Header } from "../wire/upstream.ts";
import { type Control, expectStatus, managementToken, onEachDatabase, openControl } from "./control.ts";
import { forgeToken } from "./forge.ts";

const create = (text: string) => JSON.stringify({ type: "response.create", response: { instructions: text } });
const answerEvents = (id: string) =>
  [
    { type: "response.created", response: { id, model: "gpt-realtime", status: "in_progress" } },
    {
      type: "response.done",
      response: {
        id,
        model: "gpt-realtime",
        status: "completed",
        output: [],
        usage: { total_tokens: 3, input_tokens: 2, output_tokens: 1 },
      },
    },
  ].map((event) => JSON.stringify(event));

const updated = JSON.stringify({ type: "session.updated", session: {} });

const handshake: readonly Header[] = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
];

onEachDatabase((kind) => {
  let upstream: SocketUpstream;
  let control: Control;
  /** What each script's upstream got, by the script's name. */
  const got = new Map<string, string[]>();
  beforeAll(async () => {
    upstream = openSocketUpstream();
    control = await openControl({ kind, processes: 2, upstreamUrl: upstream.url });
  }, 60_000);
  afterAll(async () => {
    await control[Symbol.asyncDispose]();
    await upstream.stop();
  });

  /** Opens a socket at the second process; the upstream answers each message but updates with two events of a Realtime answer. */
  const connect = async (
    target: (name: string) => string,
    options: { readonly headers?: Record<string, string>; readonly protocols?: readonly string[] },
  ): Promise<{ readonly consumer: ConsumerSocket; readonly name: string; readonly messages: readonly string[] }> => {
    const name = `socket-${upstream.scripts.size}`;
    const messages: string[] = [];
    got.set(name, messages);
    upstream.scripts.set(name, {
      ...(options.protocols?.includes("realtime") === true ? { protocol: "realtime" } : {}),
      message: (socket, data) => {
        const id = `resp_${messages.push(String(data))}`;
        const isUpdate = String(data).includes("session.update");
        for (const event of isUpdate ? [updated] : answerEvents(id)) socket.send(event);
      },
    });
    const url = control.weirs[1]?.url.replace("http", "ws") ?? "";
    const consumer = await openConsumer(`${url}${target(name)}`, options);
    return { consumer, name, messages };
  };
  const mint = async (more: object = {}) => {
    const project = await control.createProject();
    return { project, ...(await control.createToken(project.id, more)) };
  };
  const connectWith = (token: string) =>
    connect((name) => `/v1/realtime?script=${name}`, { headers: { authorization: `Bearer ${token}` } });

  test("a token among a socket's subprotocols, in its headers or its query goes up as the project's key alone", async () => {
    const { token } = await mint();
    const visits = [
      await connect((name) => `/v1/realtime?script=${name}`, {
        protocols: ["realtime", `openai-insecure-api-key.${token}`],
      }),
      await connectWith(token),
      await connect((name) => `/openai/v1/responses?script=${name}&key=${token}`, {}),
    ].map(({ name, consumer }) => {
      consumer.socket.close();
      return upstream.visits.get(name);
    });
    for (const visit of visits) {
      expect(visit?.headers.get("authorization")).toBe("Bearer sk-up-openai-0123456789");
      expect(JSON.stringify(visit)).not.toContain("sk-weir-");
      expect(JSON.stringify(visit?.headers)).not.toContain(token);
    }
    expect(visits[0]?.headers.get("sec-websocket-protocol")).toBe("realtime");
  });

  test("an upgrade with a token that isn't valid is refused by a status, and nobody is asked", async () => {
    const { id, token } = await mint();
    expectStatus(204, await control.manage("DELETE", `/manage/tokens/${id}`, undefined, { process: 1 }));
    for (const [text, code] of [
      [token, "token_inactive"],
      [forgeToken(token), "token_unknown"],
      ["sk-weir-short", "token_invalid"],
      [managementToken, "invalid_api_key"],
    ] as const) {
      for (const header of [
        ["authorization", `Bearer ${text}`],
        ["sec-websocket-protocol", `realtime, openai-insecure-api-key.${text}`],
      ] as const) {
        const name = `refused-${upstream.visits.size}-${code}`;
        const answer = await send(control.weirs[1]?.port ?? 0, {
          target: `/v1/realtime?script=${name}`,
          headers: [...handshake, header],
        });
        expect([answer.status, answer.header("x-weir-error")]).toEqual([401, code]);
        expect(upstream.visits.has(name)).toBe(false);
      }
    }
  });

  for (const [what, change] of Object.entries({
    "a revoked token": ({ id }: { id: string }) => control.manage("DELETE", `/manage/tokens/${id}`),
    "a token of a deactivated project": ({ project }: { project: { id: string } }) =>
      control.manage("PATCH", `/manage/projects/${project.id}`, { is_active: false }),
  })) {
    test(`a socket of ${what} gets no further response.create upstream, and closes with 1008`, async () => {
      const minted = await mint();
      const { consumer, messages, name } = await connectWith(minted.token);
      consumer.socket.send(create("one"));
      await consumer.until(2);
      expect((await change(minted)).status).toBeLessThan(300);
      // The process of the socket has heard of it when it refuses a call.
      const refuses = async () =>
        (await control.call({ token: minted.token, process: 1 })).answer.header("x-weir-error");
      await waitFor(async () => (await refuses()) !== undefined, "It is not refused");
      if (consumer.socket.readyState === WebSocket.OPEN) consumer.socket.send(create("two"));
      expect((await consumer.closed).code).toBe(1008);
      expect(messages).toEqual([create("one")]);
      await waitFor(() => upstream.visits.get(name)?.closed, "The upstream's end did not close");
    }, 30_000);
  }

  test("a socket of a token that has expired gets no further response.create upstream, and closes with 1008", async () => {
    const end = Date.now() + 4000;
    const { token } = await mint({ duration_minutes: undefined, expires_at: new Date(end).toISOString() });
    const { consumer, messages } = await connectWith(token);
    consumer.socket.send(create("one"));
    await consumer.until(2);
    await Bun.sleep(end - Date.now() + 100);
    if (consumer.socket.readyState === WebSocket.OPEN) consumer.socket.send(create("two"));
    expect((await consumer.closed).code).toBe(1008);
    expect(messages).toEqual([create("one")]);
  }, 30_000);

  test("each response.create counts towards the quota; a refused one is answered on the socket, which stays", async () => {
    const { id, token } = await mint({ max_requests: 3 });
    const { consumer, messages } = await connectWith(token);
    // The upgrade itself is no request for a quota.
    for (let count = 1; count <= 3; count += 1) {
      consumer.socket.send(create(`${count}`));
      await consumer.until(count * 2);
    }
    consumer.socket.send(create("4"));
    await consumer.until(7);
    expect(JSON.parse(String(consumer.received[6]))).toMatchObject({
      type: "error",
      error: { code: "quota_exceeded" },
    });
    expect(messages).toEqual([create("1"), create("2"), create("3")]);
    expect(consumer.socket.readyState).toBe(WebSocket.OPEN);
    const other = JSON.stringify({ type: "session.update", session: {} });
    consumer.socket.send(other);
    await consumer.until(8);
    expect(messages.at(-1)).toBe(other);
    consumer.socket.close();
    expect((await control.findToken(id)).request_count).toBe(3);
  }, 30_000);

  test("an upgrade that is none by its own head takes nothing of a token", async () => {
    const { id, token } = await mint({ max_requests: 1 });
    const headers: readonly Header[] = [...handshake, ["authorization", `Bearer ${token}`]];
    const ask = (more: readonly Header[]) =>
      send(control.weirs[1]?.port ?? 0, { target: "/v1/any", headers: [...headers, ...more] });
    expect((await ask([["sec-websocket-protocol", "a, a"]])).status).toBe(400);
    expect((await control.findToken(id)).request_count).toBe(0);
    expect((await ask([])).status).toBe(101);
    expect((await ask([])).header("x-weir-error")).toBe("quota_exceeded");
  });

  test("each answer on a socket is recorded as its token's", async () => {
    const { id, project, token } = await mint();
    const { consumer, name } = await connectWith(token);
    consumer.socket.send(create("one"));
    await consumer.until(2);
    consumer.socket.close();
    const record = await waitFor(
      async () =>
        (await control.readRecords(1)).find(
          ({ query, response_id }) => String(query).includes(name) && response_id === "resp_1",
        ),
      "There is no record",
    );
    expect(record).toMatchObject({ project_id: project.id, token_id: id, transport: "websocket" });
  });
});
