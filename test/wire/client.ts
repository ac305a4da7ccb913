import { createConnection, type Socket } from "node:net";
import { waitFor } from "../weir.ts";
import { findHeader, frame, type Header } from "./upstream.ts";

/** A request of which every byte is the test's own; `host` and the body's length are added where they are missing. */
export type Request = {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly Header[];
  readonly body?: string | Uint8Array;
  /** A body sent in chunks, in place of one with a length. */
  readonly chunks?: readonly (string | Uint8Array)[];
};

/** How an answer ended: as its framing says, by a connection that ended too soon, or by one that broke. */
export type End = "clean" | "cut" | "reset";

/** An answer as it came over the wire, without its chunks. */
export type Answer = {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
  readonly text: string;
  readonly json: () => unknown;
  readonly end: End;
  /** What arrived at once, and when. */
  readonly pieces: readonly Piece[];
  readonly endedAt: number;
};

type Piece = { readonly at: number; readonly bytes: Buffer };

/** A connection with one request on it. */
export type Call = {
  readonly socket: Socket;
  readonly write: (bytes: string | Uint8Array) => void;
  /** The whole answer; rejects where none comes in time. */
  readonly answer: Promise<Answer>;
  /** The body that has come so far. */
  readonly body: () => string;
  readonly status: () => number | undefined;
  /** Waits until the body so far has this text. */
  readonly until: (text: string, limitMs?: number) => Promise<void>;
  readonly leave: () => void;
};

/** Sends a request and gives the answer, however it ended. */
export async function send(port: number, request: Request, limitMs?: number): Promise<Answer> {
  const call = openCall(port, request, limitMs);
  try {
    return await call.answer;
  } finally {
    call.leave();
  }
}

/** Sends a request, and leaves the rest to the test. */
export function openCall(port: number, request: Request, limitMs?: number): Call {
  return openRaw(port, writeRequest(request), { method: request.method ?? "GET", limitMs });
}

/** Sends bytes that need not be a request. */
export function openRaw(
  port: number,
  bytes: string | Uint8Array,
  { method = "GET", limitMs = 25_000 }: { readonly method?: string; readonly limitMs?: number | undefined } = {},
): Call {
  const socket = createConnection({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const reader = createAnswerReader(method);
  let end: End | undefined;
  let endedAt = 0;
  const finish = (how: End) => {
    if (end !== undefined) return;
    end = how;
    endedAt = performance.now();
  };
  socket.on("data", (data: Buffer) => {
    reader.read(data);
    if (reader.isWhole()) finish("clean");
  });
  socket.on("end", () => finish(reader.endsWithConnection() ? "clean" : "cut"));
  socket.on("error", () => finish("reset"));
  socket.on("close", () => finish("reset"));
  socket.write(bytes);
  const describe = () => `No whole answer within ${limitMs} ms, but ${JSON.stringify(reader.raw().slice(0, 500))}`;
  const answer = waitFor(() => end, describe, limitMs).then((how) => reader.answer(how, endedAt));
  // Not every test wants the end.
  answer.catch(() => {});
  return {
    socket,
    write: (more) => void socket.write(more),
    answer,
    body: () => reader.body().toString(),
    status: reader.status,
    until: async (text, limit = 20_000) => {
      await waitFor(
        () => reader.body().includes(text),
        () => `${JSON.stringify(text)} did not come, but ${JSON.stringify(reader.raw().slice(-500))} (${end})`,
        limit,
      );
    },
    leave: () => void socket.destroy(),
  };
}

/** A request as bytes. */
export function writeRequest({ method = "GET", target = "/", headers = [], body, chunks }: Request): Buffer {
  const has = (name: string) => findHeader(headers, name) !== undefined;
  const data = body === undefined ? undefined : Buffer.from(body);
  const added: Header[] = [];
  if (!has("host")) added.push(["Host", "127.0.0.1"]);
  if (chunks !== undefined) added.push(["Transfer-Encoding", "chunked"]);
  if (data !== undefined && !has("content-length")) added.push(["Content-Length", String(data.length)]);
  const lines = [...added, ...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const sent = chunks === undefined ? (data ?? Buffer.alloc(0)) : Buffer.concat([...chunks.map(frame), frame("")]);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"), sent]);
}

function createAnswerReader(method: string) {
  const kept: Buffer[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let head: { readonly status: number; readonly headers: readonly Header[] } | undefined;
  let framing: "none" | "length" | "chunks" | "connection" = "none";
  let left = 0;
  let whole = false;
  const pieces: Piece[] = [];

  const readHead = () => {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return;
    const [line = "", ...rows] = rest.subarray(0, end).toString("latin1").split("\r\n");
    rest = rest.subarray(end + 4);
    const status = Number(line.split(" ")[1]);
    if (status >= 100 && status < 200 && status !== 101) return readHead();
    const headers = rows.map((row): Header => [row.slice(0, row.indexOf(":")), row.slice(row.indexOf(":") + 1).trim()]);
    head = { status, headers };
    const length = findHeader(headers, "content-length");
    if (method === "HEAD" || status === 204 || status === 304 || status === 101) whole = true;
    else if (/chunked/i.test(findHeader(headers, "transfer-encoding") ?? "")) framing = "chunks";
    else if (length === undefined) framing = "connection";
    else {
      framing = "length";
      left = Number(length);
      whole = left === 0;
    }
  };

  const keep = (bytes: Buffer) => {
    if (bytes.length === 0) return;
    kept.push(bytes);
    pieces.push({ at: performance.now(), bytes });
  };

  /** Where the last chunk's data ends, and what of a chunk is still to come. */
  let afterData = false;
  const readChunks = () => {
    while (!whole) {
      if (left > 0) {
        const part = rest.subarray(0, left);
        keep(part);
        left -= part.length;
        rest = rest.subarray(part.length);
        if (left > 0) return;
        afterData = true;
      }
      if (afterData) {
        if (rest.length < 2) return;
        rest = rest.subarray(2);
        afterData = false;
      }
      const lineEnd = rest.indexOf("\r\n");
      if (lineEnd < 0) return;
      left = Number.parseInt(rest.subarray(0, lineEnd).toString("latin1"), 16);
      if (left === 0 && rest.length < lineEnd + 4) return;
      whole = left === 0;
      rest = rest.subarray(lineEnd + 2);
    }
  };

  const readBody = () => {
    if (framing === "chunks") return readChunks();
    const part = framing === "length" ? rest.subarray(0, left) : rest;
    left -= part.length;
    keep(part);
    rest = rest.subarray(part.length);
    if (framing === "length") whole = left === 0;
  };

  const body = () => Buffer.concat(kept);
  return {
    read: (bytes: Buffer) => {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      if (head === undefined) readHead();
      if (head !== undefined && !whole) readBody();
    },
    isWhole: () => whole,
    endsWithConnection: () => head !== undefined && framing === "connection",
    status: () => head?.status,
    body,
    raw: () => `${head?.status ?? "no head"} ${body().toString("latin1")}${rest.toString("latin1")}`,
    answer: (end: End, endedAt: number): Answer => {
      const headers = head?.headers ?? [];
      const bytes = body();
      return {
        status: head?.status ?? 0,
        headers,
        header: (name) => findHeader(headers, name),
        body: bytes,
        get text() {
          return bytes.toString();
        },
        json: () => JSON.parse(bytes.toString()) as unknown,
        end,
        pieces,
        endedAt,
      };
    },
  };
}
