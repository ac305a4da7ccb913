import { expect, test } from "bun:test";
import { isThinned, readDownstreamHeaders, readUpstreamHeaders } from "./headers.ts";

test("what the consumer sends goes up, known or not", () => {
  const sent = {
    "openai-beta": "assistants=v2",
    "idempotency-key": "1",
    "x-stainless-lang": "js",
    "anthropic-beta": "a, b",
    traceparent: "t",
    "x-something-new": "n",
    cookie: "c",
  };
  expect(readUpstreamHeaders(sent)).toEqual(sent);
});

test("hop-by-hop headers, ours, attribution and the network's stay here", () => {
  const kept = readUpstreamHeaders({
    connection: "keep-alive, X-Private",
    "x-private": "1",
    "keep-alive": "timeout=5",
    te: "trailers",
    "proxy-authorization": "Basic x",
    host: "weir",
    "x-weir-key": "secret",
    "x-user-id": "u",
    "x-session-id": "s",
    "x-langfuse-tags": "t",
    "x-forwarded-for": "1.2.3.4",
    "x-real-ip": "1.2.3.4",
    forwarded: "for=1.2.3.4",
    "cf-connecting-ip": "1.2.3.4",
    "cf-connecting-ipv6": "2001:db8::1",
    "true-client-ip": "1.2.3.4",
    "x-client-ip": "1.2.3.4",
    "x-cluster-client-ip": "1.2.3.4",
    "x-original-forwarded-for": "1.2.3.4",
    "x-envoy-external-address": "1.2.3.4",
    "fly-client-ip": "1.2.3.4",
    via: "1.1 x",
    accept: "*/*",
  });
  expect(kept).toEqual({ accept: "*/*" });
});

test("a request is thinned where its connection names what would go up, and not by what never does", () => {
  const thinned = (connection: string) => isThinned({ connection, te: "trailers", "openai-beta": "a" });
  expect(["keep-alive, OpenAI-Beta", ", openai-beta"].map(thinned)).toEqual([true, true]);
  for (const connection of ["keep-alive", "close", "Close, TE", "keep-alive, x-absent", "constructor", ""])
    expect([connection, thinned(connection)]).toEqual([connection, false]);
});

test("an answer's headers come down, cookies apart, without the upstream's connection", () => {
  const upstream = new Headers({
    "retry-after": "7",
    connection: "close, x-hop",
    "x-hop": "1",
    "transfer-encoding": "chunked",
    "content-length": "5",
    "content-encoding": "gzip",
  });
  upstream.append("set-cookie", "a=1");
  upstream.append("set-cookie", "b=2");
  const down = readDownstreamHeaders(upstream, false);
  expect([...down].map(([name]) => name).toSorted()).toEqual([
    "content-encoding",
    "retry-after",
    "set-cookie",
    "set-cookie",
  ]);
  expect(down.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(readDownstreamHeaders(upstream, true).get("content-length")).toBe("5");
});

test("an answer comes down whatever its upstream says of the connection", () => {
  for (const connection of ["keep-alive,", ", close", "foo bar", "@, x-hop", ",,"]) {
    const down = readDownstreamHeaders(new Headers({ connection, "x-hop": "1", "retry-after": "7" }), false);
    expect([connection, [...down.keys()]]).toEqual([
      connection,
      connection.includes("x-hop") ? ["retry-after"] : ["retry-after", "x-hop"],
    ]);
  }
});
