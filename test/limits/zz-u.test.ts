import { test } from "bun:test";
import { startWeir } from "../weir.ts";
import { startRedis } from "../redis.ts";
import { ask, openManage } from "./ask.ts";
import { openProvider } from "./provider.ts";
import { envOf } from "./stage.ts";
test("x", async () => {
  await using provider = openProvider();
  const redis = await startRedis();
  await using weir = await startWeir({ env: {...envOf(provider.url), REDIS_URL: redis.url}, files: {"weir.yaml": "limits: { requests_per_minute: 4 }"} });
  const token = await openManage(() => weir.url).mint({});
  const t0 = performance.now(); const passed: number[] = [];
  while (performance.now() - t0 < 70_000) {
    const { told, limit } = await ask(weir.url, { token });
    if (told === "200") { passed.push(Math.round(performance.now()-t0)); console.log(Math.round(performance.now()-t0), JSON.stringify(limit)); }
    await Bun.sleep(250);
  }
  console.log(passed.join(), weir.output().split("\n").filter(l => /Redis/.test(l)).map(l => l.slice(0,60)+" ... "+l.slice(-80)).join("\n"));
  await redis[Symbol.asyncDispose]();
}, 90000);
