/** The management token of those that are measured with tokens. */
export const benchManagementToken = "bench-management-token";

/** Makes a project with a key and gives the text of a token of it. Throws what the gateway said where it can't. */
export async function mintToken(url: string, bounds: object = {}): Promise<string> {
  const project = await post(`${url}/manage/projects`, {
    name: "bench",
    provider_keys: { openai: "sk-bench-upstream" },
    ...bounds,
  });
  const token = await post(`${url}/manage/tokens`, { project_id: project["id"], never_expires: true });
  return String(token["token"]);
}

/** The same, of a project with limits and a budget that are never reached. */
export function mintBoundToken(url: string): Promise<string> {
  return mintToken(url, {
    limits: { requests_per_minute: 1e9, tokens_per_minute: 1e12 },
    budget: [{ amount_usd: "1000000", period: "month" }],
  });
}

async function post(url: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${benchManagementToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  const result: unknown = await answer.json();
  if (typeof result !== "object" || result === null) throw new Error(`${url} answered no object`);
  return { ...result };
}
