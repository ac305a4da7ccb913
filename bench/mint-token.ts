/** The management token of those that are measured with tokens. */
export const benchManagementToken = "bench-management-token";

/** Makes a project with a key and gives the text of a token of it. Throws what the gateway said where it can't. */
export async function mintToken(url: string): Promise<string> {
  const project = await post(`${url}/manage/projects`, {
    name: "bench",
    provider_keys: { openai: "sk-bench-upstream" },
  });
  const token = await post(`${url}/manage/tokens`, { project_id: project["id"], never_expires: true });
  return String(token["token"]);
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
