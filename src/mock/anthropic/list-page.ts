/** One page with everything on it, in the words of both kinds of pages that Anthropic has. */
export function listPage(data: readonly { readonly id: string }[]): object {
  return {
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    next_page: null,
  };
}
