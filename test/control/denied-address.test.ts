import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { expectStatus, openControl, readAudit } from "./control.ts";

test("a call that is not let in is an entry under the address that a trusted proxy says", async () => {
  await using control = await openControl({ env: { TRUSTED_PROXIES: "127.0.0.0/8" } });
  const project = await control.createProject();
  const { id, token } = await control.createToken(project.id);
  expectStatus(204, await control.manage("DELETE", `/manage/tokens/${id}`));
  const refused = await fetch(`${control.weirs[0]?.url}/v1/models`, {
    headers: { authorization: `Bearer ${token}`, "x-forwarded-for": "203.0.113.77" },
  });
  expect(refused.status).toBe(401);
  const entries = await waitFor(async () => {
    const found = readAudit(await control.manage("GET", `/manage/audit?action=proxy_request&token_id=${id}`));
    return found.length > 0 ? found : undefined;
  }, "There is no entry");
  expect(entries.map((entry) => entry["client_ip"])).toEqual(["203.0.113.77"]);
}, 30_000);
