import { expect, test } from "bun:test";
import fc from "fast-check";
import { createKept, keepWhole } from "./kept.ts";

test("however a body is cut into chunks, what is kept of it is the same: all, or its first and last part", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 });
  fc.assert(
    fc.property(chunks, fc.integer({ min: 0, max: 64 }), (parts, cap) => {
      const kept = createKept(cap);
      for (const part of parts) kept.add(part);
      const { head, tail, total } = kept.take();
      const whole = keepWhole(Buffer.concat(parts), cap);
      expect(Buffer.from(head).equals(whole.head)).toBe(true);
      expect(Buffer.from(tail ?? []).equals(whole.tail ?? new Uint8Array())).toBe(true);
      expect(total).toBe(whole.total);
    }),
  );
});

test("what is kept never takes more than its cap", () => {
  const kept = createKept(1000);
  for (let count = 0; count < 500; count += 1) kept.add(new Uint8Array(999));
  const { head, tail, total } = kept.take();
  expect(head.buffer.byteLength + (tail?.length ?? 0)).toBeLessThanOrEqual(1500);
  expect(total).toBe(499_500);
});
