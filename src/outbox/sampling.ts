/** Whether an exchange belongs to a share of all, from 0 to 1: always the same for the same id, and so for every sink with that share. */
export function isSampled(id: string, share: number): boolean {
  return share >= 1 || Bun.hash.xxHash32(id) < share * 2 ** 32;
}
