import { expect, test } from "bun:test";
import { geminiLive } from "../dialects/gemini-live.ts";
import type { Capture } from "../domain/capture.ts";
import { keptNothing } from "./kept.ts";
import { createResponseExchanges, createWholeExchange, type SocketExchangesParts } from "./socket-exchanges.ts";
import { created, createTicket, done, frame, socketFacts } from "./test-support.ts";

test("a response.create beyond 256 KB keeps its ticket for its answer", () => {
  const { exchanges, captures } = follow();
  const { ticket, endings } = createTicket();
  exchanges.fromConsumer(frame({ type: "response.create", input: "x ".repeat(150_000) }), ticket);
  expect([exchanges.open(), endings]).toEqual([1, []]);
  exchanges.fromUpstream(created("r1"));
  exchanges.fromUpstream(done("r1"));
  expect(captures).toMatchObject([{ id: ticket.id, metered: 7, outcome: "answered" }]);
  expect(captures[0]?.request.total).toBeGreaterThan(300_000);
  expect([exchanges.open(), endings]).toEqual([0, ["answered"]]);
});

test("an answer ends with its last event, however large that is", () => {
  const { exchanges, captures } = follow();
  exchanges.fromConsumer(frame({ type: "response.create" }));
  exchanges.fromUpstream(created("r1"));
  const output = [{ type: "image_generation_call", result: "A".repeat(400_000) }];
  exchanges.fromUpstream(frame({ type: "response.completed", response: { output, id: "r1" } }));
  expect([captures.length, exchanges.open()]).toEqual([1, 0]);
  exchanges.fromConsumer(frame({ type: "response.create" }));
  exchanges.fromUpstream(created("r2"));
  exchanges.fromUpstream(frame({ type: "response.output_text.delta", delta: "next" }));
  exchanges.fromUpstream(done("r2"));
  expect(captures.map(({ response }) => Buffer.from(response.head).includes("next"))).toEqual([false, true]);
});

test("a response.create that is written with escapes keeps its ticket too", () => {
  const { exchanges } = follow();
  const { ticket, endings } = createTicket();
  exchanges.fromConsumer(Buffer.from(String.raw`{"type":"response.\u0063reate"}`), ticket);
  expect([exchanges.open(), endings]).toEqual([1, []]);
});

test("an error about another event doesn't end the response.create that waits", () => {
  const { exchanges, captures } = follow();
  const { ticket } = createTicket();
  exchanges.fromConsumer(frame({ type: "input_audio_buffer.commit", event_id: "commit" }));
  exchanges.fromConsumer(frame({ type: "response.create", event_id: "create" }), ticket);
  exchanges.fromUpstream(frame({ type: "error", event_id: "e1", error: { message: "empty", event_id: "commit" } }));
  expect([captures.length, exchanges.open()]).toEqual([0, 1]);
  exchanges.fromUpstream(created("r1"));
  exchanges.fromUpstream(done("r1"));
  expect(captures.map(({ id }) => id)).toEqual([ticket.id]);
  expect(String(captures[0] && Buffer.from(captures[0].response.head))).not.toContain("commit");
});

test("an error about a response.create ends that one, and one about nothing the first that waits", () => {
  const { exchanges, captures } = follow();
  const [first, second] = [createTicket().ticket, createTicket().ticket];
  exchanges.fromConsumer(frame({ type: "response.create", event_id: "one" }), first);
  exchanges.fromConsumer(frame({ type: "response.create", event_id: "two" }), second);
  exchanges.fromUpstream(frame({ type: "error", error: { event_id: "two" } }));
  expect(captures.map(({ id }) => id)).toEqual([second.id]);
  exchanges.fromUpstream(frame({ type: "error", error: { event_id: null } }));
  expect(captures.map(({ id }) => id)).toEqual([second.id, first.id]);
});

test("a socket that is one exchange is answered where either side closed it in order", () => {
  const endings = [1000, 1005, 1006, 1001, undefined].flatMap((code) => {
    const { exchanges, captures } = follow(createWholeExchange);
    exchanges.fromUpstream(frame({ serverContent: { turnComplete: true } }));
    exchanges.end({ outcome: "aborted", cause: "client_closed" }, code);
    return captures.map(({ outcome, cause }) => cause ?? outcome);
  });
  expect(endings).toEqual(["answered", "answered", "client_closed", "client_closed", "client_closed"]);
});

test("an answer has the model of its socket's session, and until that is told the one of the query", () => {
  const { exchanges, captures } = follow((parts) => createResponseExchanges({ ...parts, model: "asked" }));
  const answer = (id: string) => {
    exchanges.fromUpstream(created(id));
    exchanges.fromUpstream(done(id));
  };
  answer("r1");
  exchanges.fromUpstream(frame({ type: "session.created", session: { model: "gpt-realtime" } }));
  answer("r2");
  exchanges.fromUpstream(frame({ type: "session.updated", session: { model: "gpt-realtime-mini" } }));
  exchanges.fromUpstream(frame({ type: "session.updated", session: {} }));
  exchanges.fromUpstream(frame({ type: "conversation.created", session: { model: "other" } }));
  answer("r3");
  expect(captures.map(({ socketModel }) => socketModel)).toEqual(["asked", "gpt-realtime", "gpt-realtime-mini"]);
});

test("answers that never end are bounded: the oldest is handed over as incomplete, and each only once", () => {
  const { exchanges, captures } = follow();
  const { ticket, endings } = createTicket();
  exchanges.fromConsumer(frame({ type: "response.create" }), ticket);
  for (let each = 0; each < 3000; each += 1) exchanges.fromUpstream(created(`r${each}`));
  exchanges.fromUpstream(created("r2999"));
  for (let each = 0; each < 100; each += 1) exchanges.fromConsumer(frame({ type: "response.create" }));
  expect([exchanges.open(), endings]).toEqual([1000, ["answered"]]);
  expect(captures[0]).toMatchObject({ id: ticket.id, outcome: "failed", cause: "upstream_incomplete" });
  exchanges.fromUpstream(done("r2999"));
  exchanges.end({ outcome: "aborted", cause: "client_closed" });
  exchanges.end({ outcome: "aborted", cause: "client_closed" });
  expect([exchanges.open(), captures.length, new Set(captures.map(({ id }) => id)).size]).toEqual([0, 3100, 3100]);
});

test("a text of what was said is an exchange of its own, by the model that the session names for it", () => {
  const { exchanges, captures } = follow((parts) => createResponseExchanges({ ...parts, model: "gpt-realtime" }));
  const type = "conversation.item.input_audio_transcription.completed";
  const heard = frame({ type, item_id: "i", transcript: "Hi", usage: { type: "duration", seconds: 4 } });
  const sessions = [
    {},
    { audio: { input: { transcription: { model: "gpt-4o-transcribe" } } } },
    { input_audio_transcription: { model: "whisper-1" } },
    { audio: { input: { transcription: null } } },
  ];
  exchanges.fromUpstream(created("r1"));
  for (const session of sessions) {
    exchanges.fromUpstream(frame({ type: "session.updated", session }));
    exchanges.fromUpstream(heard);
  }
  exchanges.fromUpstream(done("r1"));
  exchanges.fromUpstream(frame({ type, item_id: "i", transcript: "Hi" }));
  exchanges.end({ outcome: "aborted", cause: "client_closed" }, 1000);
  const models = [undefined, "gpt-4o-transcribe", "whisper-1", undefined, "gpt-realtime"];
  expect(captures.map(({ socketModel }) => socketModel)).toEqual(models);
  const bodies = captures.map(({ response }) => String(Buffer.from(response.head)));
  expect(bodies.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => `${String(heard)}\n`));
  expect(bodies[4]).not.toContain(type);
});

test("a socket on which no model worked is recorded itself, once", () => {
  const endings = ([1000, 1006] as const).map((code) => {
    const { exchanges, captures } = follow();
    exchanges.fromConsumer(frame({ type: "session.update" }));
    exchanges.fromUpstream(frame({ type: "session.updated", session: {} }));
    exchanges.end({ outcome: "aborted", cause: "client_closed" }, code);
    return captures.map(({ id, outcome, unused, response }) => [id, outcome, unused, response.total]);
  });
  expect(endings).toEqual([[["socket", "answered", true, 0]], [["socket", "aborted", true, 0]]]);
});

test("a response that was under way isn't whole because the socket was closed in order", () => {
  const { exchanges, captures } = follow();
  exchanges.fromConsumer(frame({ type: "response.create" }));
  exchanges.end({ outcome: "failed", cause: "upstream_reset" }, 1000);
  expect(captures).toMatchObject([{ outcome: "failed", cause: "upstream_reset" }]);
});

test("a session of Gemini Live keeps what each turn has used, however much sound there is", () => {
  const { exchanges, captures } = follow((parts) =>
    createWholeExchange({ ...parts, keepBytes: 40_000, isMedia: geminiLive.isMedia }),
  );
  const sound = frame({ serverContent: { modelTurn: { parts: [{ inlineData: { data: "A".repeat(9_000) } }] } } });
  const turn = frame({ serverContent: { turnComplete: true }, usageMetadata: { totalTokenCount: 15 } });
  for (let turns = 0; turns < 100; turns += 1) for (const each of [sound, sound, turn]) exchanges.fromUpstream(each);
  exchanges.end({ outcome: "aborted", cause: "client_closed" }, 1000);
  const { head, tail, total, passed = 0 } = captures[0]?.response ?? keptNothing;
  const lines = String(Buffer.from(head)).trimEnd().split("\n");
  expect(lines.filter((line) => line === String(turn)).length).toBe(100);
  expect(lines.filter((line) => line === String(sound)).length).toBe(2);
  expect([tail, total, total - passed]).toEqual([undefined, 100 * (2 * sound.length + turn.length + 3), head.length]);
});

function follow(
  create: (parts: SocketExchangesParts) => ReturnType<typeof createResponseExchanges> = createResponseExchanges,
) {
  const captures: Capture[] = [];
  const exchanges = create({
    id: "socket",
    facts: socketFacts,
    hand: (capture) => void captures.push(capture),
    clock: { now: () => 0, elapsed: () => 0 },
    keepBytes: 1_048_576,
    meterBytes: 1_048_576,
  });
  return { exchanges, captures };
}
