/** An exact decimal number: `units` divided by ten to the power of `scale`. */
export type Decimal = { readonly units: bigint; readonly scale: number };

/** The number one. */
export const one: Decimal = { units: 1n, scale: 0 };

/** Reads a decimal that is not negative, from text or from a number's shortest text; `undefined` where it is none. */
export function readDecimal(value: string | number): Decimal | undefined {
  const [, whole = "", fraction = "", exponent = "0"] = pattern.exec(String(value).trim()) ?? [];
  if (whole === "" || Math.abs(Number(exponent)) > 100) return undefined;
  const scale = fraction.length - Number(exponent);
  const units = BigInt(whole + fraction);
  return scale >= 0 ? { units, scale } : { units: units * tenTo(-scale), scale: 0 };
}

const pattern = /^(\d{1,30})(?:\.(\d{0,60}))?(?:e([+-]?\d{1,3}))?$/i;

/** The exact product. */
export function multiply(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, scale: a.scale + b.scale };
}

/** The number as text, without an exponent and without zeros that say nothing. */
export function writeDecimal({ units, scale }: Decimal): string {
  if (scale === 0) return String(units);
  const digits = String(units).padStart(scale + 1, "0");
  const fraction = digits.slice(-scale).replace(/0+$/, "");
  const whole = digits.slice(0, -scale);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** The number as an integer, halves rounded to the even one. */
export function roundHalfEven({ units, scale }: Decimal): bigint {
  const divisor = tenTo(scale);
  const quotient = units / divisor;
  const twice = (units % divisor) * 2n;
  const up = twice > divisor || (twice === divisor && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

function tenTo(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}
