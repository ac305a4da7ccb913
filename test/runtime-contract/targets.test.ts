import { expect, test } from "bun:test";
import { listenForHeads, send } from "./raw.ts";

/** What a consumer asks for, and what the upstream is asked for, when `request.url` is taken apart and given to `fetch`. */
const targets = [
  ["/v1/a%2Fb%2e%20+?x=%2F&y=a+b&z=&z", "/v1/a%2Fb%2e%20+?x=%2F&y=a+b&z=&z"],
  ["/v1/models/ft:gpt-4o:org::id,(1)~!$&*;=@[]|", "/v1/models/ft:gpt-4o:org::id,(1)~!$&*;=@[]|"],
  ["/a%?x=%zz&%", "/a%?x=%zz&%"],
  ["/a//b", "/a//b"],
  ["/?", "/?"],
  ["/?a=../b/./c", "/?a=../b/./c"],
  ["/a/../b/./c/%2e%2E/d", "/b/d"],
  ["/a/%2F../b", "/a/%2F../b"],
  ["/?q=it's\"<>", "/?q=it%27s%22%3C%3E"],
  ["/a{b}^`", "/a%7Bb%7D%5E%60"],
  ["/caf\xc3\xa9", "/caf%C3%A9"],
  ["/a\\b", "/a/b"],
  ["//a/b", "/a/b"],
  ["/a#b", "/a"],
] as const;

test.each(targets)("the target %s goes upstream as %s", async (asked, sent) => {
  let line = "";
  await using upstream = await listenForHeads((socket, head) => {
    line = head.slice(0, head.indexOf("\r\n"));
    socket.end("HTTP/1.1 204 No Content\r\n\r\n");
  });
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => fetch(upstream.url + url.slice(url.indexOf("/", 8))),
  });
  await send(Number(server.port), `GET ${asked} HTTP/1.1\r\nHost: a\r\n\r\n`, /\r\n\r\n/);
  expect(line).toBe(`GET ${sent} HTTP/1.1`);
});
