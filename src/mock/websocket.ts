import { headerOf } from "./http1.ts";
import type { HttpRequest } from "./http-server.ts";
import type { Reply, Upgraded, UpgradedHandlers } from "./reply.ts";
import { closePayload, createFrameReader, encodeFrame, opcodes, readClose } from "./websocket-frames.ts";
import type { Frame } from "./websocket-frames.ts";

/** A WebSocket as a session sees it. */
export type Peer = {
  /** Sends a text message; settles when there is room again, `false` where the peer is gone. */
  readonly send: (text: string) => boolean | Promise<boolean>;
  /** Sends a binary message of UTF-8 text. */
  readonly sendBinary: (text: string) => boolean | Promise<boolean>;
  readonly close: (code: number, reason: string) => void;
  readonly reset: () => void;
  readonly signal: AbortSignal;
};

/** Answers what comes in; called once for a connection. */
export type Session = (peer: Peer) => { readonly message: (text: string) => void };

/** Whether a request asks to become a WebSocket. */
export function asksForWebSocket(request: HttpRequest): boolean {
  return headerOf(request.headers, "upgrade")?.toLowerCase() === "websocket";
}

/** The 101 that turns a request into a WebSocket; of the subprotocols offered the first is taken. */
export function acceptWebSocket(request: HttpRequest, session: Session): Reply {
  const key = headerOf(request.headers, "sec-websocket-key") ?? "";
  const offered = headerOf(request.headers, "sec-websocket-protocol")?.split(",")[0]?.trim();
  return {
    status: 101,
    headers: [
      ["upgrade", "websocket"],
      ["connection", "Upgrade"],
      ["sec-websocket-accept", acceptKey(key)],
      ...(offered === undefined || offered === "" ? [] : [["sec-websocket-protocol", offered] as const]),
    ],
    body: "",
    upgrade: (connection) => converse(connection, session),
  };
}

/** The answer to a handshake's key (RFC 6455, section 4.2.2). */
export function acceptKey(key: string): string {
  return new Bun.CryptoHasher("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

function converse(connection: Upgraded, session: Session): UpgradedHandlers {
  let parts: Uint8Array[] = [];
  const write = (opcode: number, payload: Uint8Array | string): boolean | Promise<boolean> =>
    connection.write(encodeFrame(opcode, payload));
  const close = (payload: Uint8Array): void => {
    void write(opcodes.close, payload);
    connection.end();
  };

  const { message } = session({
    send: (text) => write(opcodes.text, text),
    sendBinary: (text) => write(opcodes.binary, text),
    close: (code, reason) => close(closePayload(code, reason)),
    reset: connection.reset,
    signal: connection.signal,
  });
  const reader = createFrameReader({ frame: take, tooLarge: () => close(closePayload(1009, "message too big")) });
  return { data: reader.push };

  function take({ opcode, fin, payload }: Frame): void {
    if (opcode === opcodes.close) return close(closePayload(readClose(payload).code));
    if (opcode === opcodes.ping) return void write(opcodes.pong, payload);
    if (opcode === opcodes.pong) return;
    parts.push(payload);
    if (!fin) return;
    const text = Buffer.concat(parts).toString("utf8");
    parts = [];
    message(text);
  }
}
