import { afterAll, expect, test } from "bun:test";
import { startMock } from "../mock-provider.ts";

const mock = startMock();
afterAll(mock.stop);

const hello = JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Hello" }] }] });

function post(
  path: string,
  body: string | Uint8Array = hello,
  headers: Record<string, string> = { "x-goog-api-key": "key" },
): Promise<Response> {
  return fetch(`${mock.url}${path}`, { method: "POST", headers, body });
}

test("a request without a key is refused in Google's words, as an array where the answer would have been one", async () => {
  const error = {
    code: 403,
    status: "PERMISSION_DENIED",
    message: expect.stringContaining("unregistered callers") as unknown,
  };
  const refused = async (verb: string) => {
    const answer = await post(`/v1beta/models/m:${verb}`, hello, {});
    return [answer.status, await answer.json()];
  };
  expect(await refused("generateContent")).toEqual([403, { error }]);
  expect(await refused("streamGenerateContent?alt=sse")).toEqual([403, { error }]);
  expect(await refused("streamGenerateContent")).toEqual([403, [{ error }]]);
});

test("a key may stand in any of three places, and both versions' paths are known", async () => {
  const path = "/v1/models/m:generateContent";
  const places = [post(path), post(`${path}?key=k`, hello, {}), post(path, hello, { authorization: "Bearer k" })];
  expect((await Promise.all(places)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await post("/v1beta/models/m:unheardOf")).status).toBe(404);
});

test("contents that are missing are an invalid argument", async () => {
  const answer = await post("/v1beta/models/m:generateContent", "{}");
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { status: "INVALID_ARGUMENT" } }]);
});

test("without alt=sse a stream is a JSON array of the same chunks", async () => {
  const events = await (await post("/v1beta/models/m:streamGenerateContent?alt=sse")).text();
  const chunks = [...events.matchAll(/^data: (.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as object);
  const array = await post("/v1beta/models/m:streamGenerateContent");
  expect(array.headers.get("content-type")).toBe("application/json; charset=UTF-8");
  const elements = (await array.json()) as readonly object[];
  const plain = (chunk: object) => ({ ...chunk, responseId: "" });
  expect(elements.map(plain)).toEqual(chunks.map(plain));
  expect(elements.length).toBeGreaterThan(3);
});

test("an array that breaks off with an error is still JSON", async () => {
  const elements = (await (
    await post("/v1beta/models/mock-error-event-2:streamGenerateContent")
  ).json()) as readonly object[];
  expect(elements).toHaveLength(3);
  expect(elements.at(-1)).toMatchObject({ error: { status: "UNAVAILABLE" } });
});

test("a stream that lacks its end tells no reason for it", async () => {
  const text = await (await post("/v1beta/models/mock-noterm:streamGenerateContent?alt=sse")).text();
  expect(text).toContain("modelVersion");
  expect(text).not.toContain("finishReason");
});

test("several candidates are answered, the input billed once", async () => {
  const body = (count: number) => JSON.stringify({ ...JSON.parse(hello), generationConfig: { candidateCount: count } });
  const read = async (count: number) => {
    const answer = await post("/v1beta/models/m:generateContent", body(count));
    return (await answer.json()) as {
      candidates: readonly object[];
      usageMetadata: { promptTokenCount: number; candidatesTokenCount: number };
    };
  };
  const [one, two] = [await read(1), await read(2)];
  expect([one.candidates.length, two.candidates.length]).toEqual([1, 2]);
  expect(two.usageMetadata.promptTokenCount).toBe(one.usageMetadata.promptTokenCount);
  expect(two.usageMetadata.candidatesTokenCount).toBeGreaterThan(one.usageMetadata.candidatesTokenCount);
});

test("a multipart upload gives a file of its size", async () => {
  const body =
    '--b\r\ncontent-type: application/json\r\n\r\n{"file":{"displayName":"notes"}}\r\n--b\r\ncontent-type: text/plain\r\n\r\nfive!\r\n--b--\r\n';
  const answer = await post("/upload/v1beta/files", body, {
    "x-goog-api-key": "key",
    "content-type": "multipart/related; boundary=b",
  });
  expect(await answer.json()).toMatchObject({ file: { displayName: "notes", mimeType: "text/plain", sizeBytes: "5" } });
});

test("an upload whose offset is wrong is refused", async () => {
  const begun = await post("/upload/v1beta/files", "{}", { "x-goog-api-key": "key", "x-goog-upload-command": "start" });
  const url = new URL(begun.headers.get("x-goog-upload-url") ?? "");
  const answer = await post(url.pathname + url.search, "12345", {
    "x-goog-upload-command": "upload",
    "x-goog-upload-offset": "7",
  });
  expect(answer.status).toBe(400);
});

test("a live session answers in sound where it isn't told otherwise, and breaks off where the model's name asks for it", async () => {
  const spoken = await talk("gemini-2.5-flash-native-audio");
  expect(spoken.messages.at(-1)).toMatchObject({
    serverContent: { turnComplete: true },
    usageMetadata: { responseTokensDetails: [{ modality: "AUDIO" }] },
  });
  expect(JSON.stringify(spoken.messages)).toContain("audio/pcm");
  const broken = await talk("mock-fin-2");
  expect([broken.messages.length, broken.code]).toEqual([3, 1011]);
});

/** Says hello, and hears what comes until the turn is complete or the socket closed. */
async function talk(model: string): Promise<{ readonly messages: readonly object[]; readonly code: number }> {
  const path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k";
  const socket = new WebSocket(`${mock.url.replace("http", "ws")}${path}`);
  const messages: object[] = [];
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    socket.send(JSON.stringify({ setup: { model: `models/${model}` } }));
    socket.send(JSON.stringify({ realtimeInput: { text: "Hello" } }));
  });
  const closed = Promise.withResolvers<number>();
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(new TextDecoder().decode(data as ArrayBuffer)) as {
      serverContent?: { turnComplete?: boolean };
    };
    messages.push(message);
    if (message.serverContent?.turnComplete === true) socket.close();
  });
  socket.addEventListener("close", ({ code }) => closed.resolve(code));
  return { code: await closed.promise, messages };
}
