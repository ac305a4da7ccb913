/** Where a Redis is: `redis://` or, over TLS, `rediss://user:password@host:port/db`. */
export type RedisPlace = { readonly url: string };

/** A connection that is made when it is first needed, and again whenever it breaks. */
export type RedisConnection = {
  readonly isUp: () => boolean;
  /** Waits until it is up, for so long at most; says whether it is. */
  readonly whenUp: (limitMs: number) => Promise<boolean>;
  /** Sends a command and gives its reply, texts as bytes where they are asked for. Rejects at once where there is no connection. */
  readonly send: (args: readonly (string | Buffer)[], options?: SendOptions) => Promise<unknown>;
  readonly close: () => void;
};

/** How a command is sent. */
type SendOptions = {
  /** It rejects after this; the command may have been done all the same. */
  readonly limitMs?: number;
  readonly bytes?: boolean;
};

/** What the connection is made of. */
export type RedisConnectionParts = RedisPlace & {
  /** The monotonic clock in milliseconds. */
  readonly elapsed: () => number;
  /** Told of everything that goes wrong with the connection itself, again and again while it does. */
  readonly onTrouble: (error: unknown) => void;
};

/** A connection on which nothing was answered for so long is made anew; TCP alone would wait for many minutes. */
const hungMs = 5000;
const connectMs = 2000;
const mostBackOffMs = 1000;

type Client = Awaited<ReturnType<typeof createClient>>;

/** Creates it; nothing is loaded or opened yet. */
export function createRedisConnection({ url, elapsed, onTrouble }: RedisConnectionParts): RedisConnection {
  let client: Client | undefined;
  let opening = false;
  let closed = false;
  let unanswered = 0;
  let answeredAt = 0;
  const waiting = new Set<() => void>();

  return {
    isUp,
    whenUp(limitMs) {
      open();
      if (isUp()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const timer = setTimeout(end, limitMs);
        waiting.add(end);
        function end(): void {
          waiting.delete(end);
          clearTimeout(timer);
          resolve(isUp());
        }
      });
    },
    send(args, { limitMs, bytes = false } = {}) {
      open();
      renewHung();
      if (client === undefined || !client.redis.isReady) return Promise.reject(new Error("Redis is not connected"));
      if (unanswered === 0) answeredAt = elapsed();
      unanswered += 1;
      const reply = client.redis.sendCommand([...args], bytes ? client.forBytes : {}).finally(noteAnswer);
      return limitMs === undefined ? reply : within(limitMs, reply);
    },
    close() {
      closed = true;
      drop();
    },
  };

  function isUp(): boolean {
    return client?.redis.isReady ?? false;
  }

  function open(): void {
    if (client !== undefined || opening || closed) return;
    opening = true;
    void createClient(url).then((created) => {
      opening = false;
      if (closed) return;
      client = created;
      created.redis.on("error", onTrouble);
      created.redis.on("ready", () => {
        for (const tell of waiting) tell();
      });
      // What goes wrong is told as an error, and it connects again by itself.
      created.redis.connect().catch(() => {});
    }, onTrouble);
  }

  function noteAnswer(): void {
    unanswered -= 1;
    answeredAt = elapsed();
  }

  function renewHung(): void {
    if (unanswered === 0 || elapsed() - answeredAt < hungMs) return;
    onTrouble(new Error(`Redis has not answered for ${hungMs / 1000} s; connecting anew`));
    drop();
    open();
  }

  function drop(): void {
    client?.redis.destroy();
    client = undefined;
  }
}

/** Loads the driver and sets it up; it isn't loaded where nobody uses Redis. */
async function createClient(url: string) {
  const driver = await import("@redis/client");
  const redis = driver.createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    socket: { connectTimeout: connectMs, noDelay: true, reconnectStrategy: backOff },
  });
  return { redis, forBytes: { typeMapping: { [driver.RESP_TYPES.BLOB_STRING]: Buffer } } };
}

/** Exponentially longer, with jitter so that many processes don't come back at once. */
function backOff(retries: number): number {
  return Math.min(mostBackOffMs, 50 * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2);
}

function within(limitMs: number, reply: Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Redis did not answer within ${limitMs} ms`)), limitMs);
    reply.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
