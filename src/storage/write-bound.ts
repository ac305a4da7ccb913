/** Limits or budgets as a column holds them: null where nothing is bounded, however that was said. */
export function writeBound(bound: object | null | undefined): string | null {
  return bound && Object.values(bound).some((part) => part !== undefined) ? JSON.stringify(bound) : null;
}
