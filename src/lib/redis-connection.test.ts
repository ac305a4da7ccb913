import { expect, test } from "bun:test";
import { needs } from "../../test/needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../../test/redis.ts";
import { createRedisConnection } from "./redis-connection.ts";

/** A busy machine takes long to begin anything. Milliseconds. */
const patienceMs = 20_000;

const testOnRedis = needs(whatRedisNeeds, findRedis());

function connect(url: string) {
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown) => troubles.push(error);
  const connection = createRedisConnection({ url, elapsed: () => performance.now(), onTrouble });
  return { ...connection, troubles, [Symbol.dispose]: connection.close };
}

testOnRedis("it connects when it is needed, with password and database, and gives texts and bytes", async () => {
  await using server = await startRedis({ password: "s3cret" });
  using connection = connect(`${server.url}/3`);
  expect(connection.isUp()).toBe(false);
  expect(connection.send(["PING"])).rejects.toThrow("Redis is not connected");
  expect(await connection.whenUp(patienceMs)).toBe(true);
  const bytes = Buffer.from([0, 255, 254, 10]);
  await connection.send(["SET", "key", bytes]);
  expect(await connection.send(["GET", "key"], { bytes: true })).toEqual(bytes);
  expect(await connection.send(["ECHO", "text"])).toBe("text");
  expect(await connection.send(["CLIENT", "INFO"])).toMatch(/ db=3 /);
});

testOnRedis("a password that is wrong is trouble, and no connection", async () => {
  await using server = await startRedis({ password: "s3cret" });
  using connection = connect(server.url.replace("s3cret", "other"));
  for (const until = performance.now() + patienceMs; connection.troubles.length === 0 && performance.now() < until;)
    expect(await connection.whenUp(100)).toBe(false);
  expect(String(connection.troubles[0])).toContain("WRONGPASS");
  expect(connection.troubles.map(String).join()).not.toContain("other");
});

testOnRedis("it comes back by itself, and meanwhile rejects at once", async () => {
  await using server = await startRedis();
  using connection = connect(server.url);
  await connection.whenUp(patienceMs);
  await server.kill();
  expect(connection.send(["PING"])).rejects.toThrow();
  while (connection.isUp()) await Bun.sleep(1);
  expect(connection.send(["PING"])).rejects.toThrow("Redis is not connected");
  await server.restart();
  expect(await connection.whenUp(patienceMs)).toBe(true);
  expect(await connection.send(["PING"])).toBe("PONG");
  expect(connection.troubles.length).toBeGreaterThan(0);
});

testOnRedis("a command has a time limit", async () => {
  await using server = await startRedis();
  using connection = connect(server.url);
  await connection.whenUp(patienceMs);
  server.freeze();
  expect(await connection.send(["PING"], { limitMs: 20 }).catch(String)).toBe(
    "Error: Redis did not answer within 20 ms",
  );
  server.thaw();
  expect(await connection.send(["PING"])).toBe("PONG");
});

testOnRedis("where nothing is answered for long, it connects anew", async () => {
  await using server = await startRedis();
  let now = 0;
  const connection = createRedisConnection({ url: server.url, elapsed: () => now, onTrouble: () => {} });
  await connection.whenUp(patienceMs);
  server.freeze();
  const first = connection.send(["PING"]).catch((error: unknown) => error);
  now = 5001;
  expect(connection.send(["PING"])).rejects.toThrow();
  expect(await first).toBeInstanceOf(Error);
  server.thaw();
  expect(await connection.whenUp(patienceMs)).toBe(true);
  expect(await connection.send(["PING"])).toBe("PONG");
  connection.close();
});

test("what nobody needed can be closed", async () => {
  using connection = connect("redis://127.0.0.1:1");
  connection.close();
  expect(await connection.whenUp(10)).toBe(false);
});
