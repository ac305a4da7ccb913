import { expect } from "bun:test";
import { actor, onEachDatabase } from "../storage.ts";
import { startWeir, waitFor } from "../weir.ts";
import { containing, makeHome, matching, openUpstream } from "./program.ts";

const managementToken = "management-0123456789-abcdefghijkl";
const ownPrices = 'prices: { models: { "gpt-4o-mini": { input: 1, output: 2 } } }\n';
/** Three times 200 plain and 1000 cached at 1, 30 of output at 2. */
const newCost = "0.00378";

onEachDatabase((it, makePlace) => {
  it("weir prices reprice gives what a running gateway has recorded the prices of now, in its sums too", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    using upstream = openUpstream();
    const env = { ...place.env, MANAGEMENT_TOKEN: managementToken };
    await using weir = await startWeir({
      env: { ...env, UPSTREAM_BASE_URL: upstream.url, AUTH_MODE: "open" },
    });
    const here = { ...env, DATA_DIR: weir.dataDir, MANAGEMENT_API_BASE_URL: weir.url };
    const run = (...args: string[]) => home.weir(args, here);
    const ask = async (...args: string[]): Promise<Record<string, unknown>> => {
      const { code, stdout, stderr } = await run(...args, "--json");
      expect([args, code, stderr]).toEqual([args, 0, ""]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const reprice = (...args: string[]) => ask("prices", "reprice", "--from", "2020-01-01", ...args);
    const readUsage = async () => JSON.stringify((await ask("manage", "usage"))["usage"]);

    const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hi" }] });
    const headers = { authorization: "Bearer sk-consumer" };
    for (let time = 0; time < 3; time += 1)
      await (await fetch(`${weir.url}/v1/chat/completions`, { method: "POST", body, headers })).text();
    const listed = await waitFor(async () => {
      const { stdout } = await run("manage", "exchanges", "list", "--json");
      return stdout.split("gpt-4o-mini").length === 4 ? stdout : undefined;
    }, "They are not in the log");
    const [, id = ""] = /"id": ?"([^"]+)"/.exec(listed) ?? [];
    expect(await reprice()).toMatchObject({ looked: 3, total: { exchanges: 0 }, models: [] });
    const usage = await readUsage();

    await home.write("weir.yaml", ownPrices);
    const planned = await reprice("--dry-run");
    expect(planned).toMatchObject({
      dry_run: true,
      looked: 3,
      models: [{ provider: "openai", model: "gpt-4o-mini", exchanges: 3, new_cost_usd: newCost }],
      budgets_changed: false,
    });
    expect(await readUsage()).toBe(usage);
    expect(await reprice("--to", "2021-01-01")).toMatchObject({ looked: 0 });
    expect(await reprice("--provider", "anthropic")).toMatchObject({ looked: 0 });
    expect(await reprice("--model", "gpt-4o-mini")).toEqual({ ...planned, dry_run: false });
    expect(await readUsage()).toContain(`"${newCost}"`);
    const shown = await run("manage", "exchanges", "get", id, "--json");
    expect(shown.stdout).toMatch(/"source": ?"config"/);

    const again = await run("prices", "reprice", "--from", "2020-01-01");
    expect([again.code, again.stdout]).toEqual([
      0,
      "3 exchanges looked at, 0 repriced.\nWhat was spent of budgets stays as it was counted.\n",
    ]);
    await home.write("weir.yaml", "");
    const back = await run("prices", "reprice", "--from", "2020-01-01");
    expect(back.stdout).toEqual(matching(/^openai +gpt-4o-mini +3 +0\.00378 +0\.\d+ +-0\.\d+ +0 +0$/m));
    expect(await readUsage()).toBe(usage);

    const { audit, projects } = await place.openStores();
    await projects.add({ name: "search" }, actor);
    expect(await reprice("--project", "search")).toMatchObject({ looked: 0 });
    const unknown = await run("prices", "reprice", "--from", "2020-01-01", "--project", "serch");
    expect([unknown.code, unknown.stderr]).toEqual([2, containing('there is no "serch"')]);

    const { items } = await audit.list({ action: "prices.reprice" }, { limit: 9 });
    expect(items.map(({ reason, actor: by, after }) => [reason, by.name, after?.["exchanges"]])).toEqual([
      ["done", "cli", 3],
      ["begun", "cli", undefined],
      ["done", "cli", 3],
      ["begun", "cli", undefined],
    ]);
    expect(await audit.verify()).toMatchObject({ ok: true });
  }, 60_000);

  it("weir prices reprice says what is wrong: with its options, a project, or where there is no log", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await home.weir(["prices", "reprice", ...args], {
        ...place.env,
        DATA_DIR: place.folder,
      });
      return [code, stdout + stderr];
    };
    const since = ["--from", "2026-01-01"];
    expect(await run()).toEqual([2, containing("--from")]);
    expect(await run("--from", "2026-02-30x")).toEqual([2, containing("It must be a day that there is")]);
    expect(await run(...since, "--to", "2025-01-01")).toEqual([2, "--from must be before --to\n"]);
    expect(await run(...since)).toEqual([1, matching(/start the server once/)]);
    expect(await run(...since, "--dry-run")).toEqual([1, matching(/start the server once/)]);
  }, 60_000);
});
