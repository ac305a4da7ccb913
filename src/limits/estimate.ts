/** What a request will probably take, before anybody has counted it. LLM tokens. */
export type Estimate = { readonly input: number; readonly output: number };
