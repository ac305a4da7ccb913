import { type Decimal, roundHalfEven } from "../lib/decimal.ts";

/**
 * What a count costs at a price in USD for a million, in nano-dollars, halves rounded to the even one. Every call is priced, and
 * large integers would cost it microseconds: it is a number where that is exact.
 */
export function nanoUsdOf({ units, scale }: Decimal, count: number): number | bigint {
  // USD for a million times a count is micro-dollars: a thousand nano-dollars each.
  const product = Number(units) * count * 1000;
  if (Number.isSafeInteger(product) && scale <= mostDigits) return divide(product, 10 ** scale);
  return roundHalfEven({ units: units * BigInt(count) * 1000n, scale });
}

/** Powers of ten that a number holds exactly. */
const mostDigits = 15;

function divide(dividend: number, divisor: number): number {
  const rest = dividend % divisor;
  const quotient = (dividend - rest) / divisor;
  const up = rest * 2 > divisor || (rest * 2 === divisor && quotient % 2 === 1);
  return up ? quotient + 1 : quotient;
}
