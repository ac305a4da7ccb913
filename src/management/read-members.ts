/** The members that were sent, for others to be merged with; a null is sent to take one away, and is there as `undefined`. */
export function readMembers<T extends object>(members: T): { readonly [Name in keyof T]?: NonNullable<T[Name]> } {
  const sent = Object.entries(members).flatMap(([name, value]): [string, unknown][] =>
    value === undefined ? [] : [[name, value ?? undefined]],
  );
  // Its members are those of `members`, without null.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(sent) as { readonly [Name in keyof T]?: NonNullable<T[Name]> };
}
