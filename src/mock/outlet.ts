/** What is needed of a socket to write to it: `write` answers how many bytes the system took, -1 where it is closed. */
export type ByteSocket = { readonly write: (bytes: Uint8Array) => number };

/** Ordered writing to a socket, with back-pressure. */
export type Outlet = {
  /** Writes after what is waiting; `true` at once where the system took all, else a promise of whether it did before the end. */
  readonly write: (bytes: Uint8Array | string) => boolean | Promise<boolean>;
  /** Bytes that the system has taken so far. */
  readonly accepted: () => number;
  /** To be called when the socket has room again. */
  readonly drained: () => void;
  /** To be called when the socket is gone. */
  readonly closed: () => void;
};

type Waiting = { readonly bytes: Uint8Array; readonly settle: (taken: boolean) => void };

/** Creates the one writer of a socket. */
export function createOutlet(socket: ByteSocket): Outlet {
  const queue: Waiting[] = [];
  let taken = 0;
  let gone = false;

  return { write, accepted: () => taken, drained, closed };

  function write(data: Uint8Array | string): boolean | Promise<boolean> {
    if (gone) return false;
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    const rest = queue.length > 0 ? bytes : offer(bytes);
    if (rest.length === 0) return true;
    return new Promise((settle) => queue.push({ bytes: rest, settle }));
  }

  function offer(bytes: Uint8Array): Uint8Array {
    const written = Math.max(0, socket.write(bytes));
    taken += written;
    return bytes.subarray(written);
  }

  function drained(): void {
    for (let first = queue[0]; first !== undefined && !gone; first = queue[0]) {
      const rest = offer(first.bytes);
      if (rest.length > 0) {
        queue[0] = { bytes: rest, settle: first.settle };
        return;
      }
      queue.shift();
      first.settle(true);
    }
  }

  function closed(): void {
    gone = true;
    for (const { settle } of queue.splice(0)) settle(false);
  }
}
