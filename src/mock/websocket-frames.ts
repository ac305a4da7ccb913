/** A frame's meaning (RFC 6455, section 5.2). */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame, unmasked. */
export type Frame = {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly payload: Uint8Array;
};

/** Reads frames from bytes as they come; a frame larger than `maxBytes` ends the reading. */
export function createFrameReader({
  frame,
  tooLarge,
  maxBytes = 67_108_864,
}: {
  readonly frame: (frame: Frame) => void;
  readonly tooLarge: () => void;
  readonly maxBytes?: number;
}): { readonly push: (bytes: Uint8Array) => void } {
  let held: Buffer = Buffer.alloc(0);
  let pieces: Uint8Array[] = [];
  let arrived = 0;
  let wanted = 2;
  let ended = false;

  return {
    push(bytes) {
      if (ended) return;
      pieces.push(bytes);
      arrived += bytes.length;
      if (held.length + arrived < wanted) return;
      held = Buffer.concat([held, ...pieces]);
      pieces = [];
      arrived = 0;
      while (held.length >= wanted && !ended) readOne();
    },
  };

  function readOne(): void {
    const shortLength = held.readUInt8(1) & 0x7f;
    const masked = (held.readUInt8(1) & 0x80) !== 0;
    const headBytes = 2 + extraLengthBytes(shortLength) + (masked ? 4 : 0);
    if (held.length < headBytes) return need(headBytes);

    const length = lengthOf(shortLength);
    if (length > maxBytes) {
      ended = true;
      return tooLarge();
    }
    if (held.length < headBytes + length) return need(headBytes + length);

    const payload = held.subarray(headBytes, headBytes + length);
    const first = held.readUInt8(0);
    const plain = masked ? mask(payload, held.subarray(headBytes - 4, headBytes)) : payload;
    held = held.subarray(headBytes + length);
    need(2);
    frame({ opcode: first & 0x0f, fin: (first & 0x80) !== 0, masked, payload: plain });
  }

  function lengthOf(shortLength: number): number {
    if (shortLength === 126) return held.readUInt16BE(2);
    return shortLength === 127 ? Number(held.readBigUInt64BE(2)) : shortLength;
  }

  function need(bytes: number): void {
    wanted = bytes;
  }
}

/** Writes a frame; with a `key` of four bytes it is masked, as a client's must be. */
export function encodeFrame(
  opcode: number,
  payload: Uint8Array | string,
  { fin = true, key }: { readonly fin?: boolean; readonly key?: Uint8Array } = {},
): Uint8Array {
  const bytes = typeof payload === "string" ? Buffer.from(payload, "utf8") : payload;
  const shortLength = bytes.length < 126 ? bytes.length : bytes.length < 65_536 ? 126 : 127;
  const head = Buffer.alloc(2 + extraLengthBytes(shortLength));
  head.writeUInt8((fin ? 0x80 : 0) | opcode, 0);
  head.writeUInt8((key === undefined ? 0 : 0x80) | shortLength, 1);
  if (shortLength === 126) head.writeUInt16BE(bytes.length, 2);
  if (shortLength === 127) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  return key === undefined ? Buffer.concat([head, bytes]) : Buffer.concat([head, key, mask(bytes, key)]);
}

/** A close frame's payload; no code, no payload. */
export function closePayload(code?: number, reason = ""): Uint8Array {
  if (code === undefined) return new Uint8Array(0);
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

/** A close frame's code and reason; no code where the payload is empty. */
export function readClose(payload: Uint8Array): { readonly code?: number; readonly reason: string } {
  const bytes = Buffer.from(payload);
  return bytes.length < 2 ? { reason: "" } : { code: bytes.readUInt16BE(0), reason: bytes.toString("utf8", 2) };
}

function extraLengthBytes(shortLength: number): number {
  if (shortLength < 126) return 0;
  return shortLength === 126 ? 2 : 8;
}

function mask(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const masked = new Uint8Array(bytes.length);
  for (let index = 0; index < bytes.length; index += 1) masked[index] = (bytes[index] ?? 0) ^ (key[index & 3] ?? 0);
  return masked;
}
