import type { OwnPrices } from "../domain/own-prices.ts";
import { bundledPrices } from "./bundled-prices.ts";
import { createPriceBook, type PriceBook } from "./price-book.ts";
import type { PriceData } from "./price-data.ts";
import { readPriceFile } from "./price-file.ts";

/** Opens the price book: the operator's prices over the price data that was fetched, or over the bundled data where none was or it can't be read. */
export async function openPriceBook({
  own,
  file,
  onFault,
}: {
  readonly own: OwnPrices;
  readonly file: string;
  readonly onFault: (error: unknown) => void;
}): Promise<PriceBook> {
  return createPriceBook({ own, data: await openPriceData({ file, onFault }) });
}

/** The price data that is in use. */
export async function openPriceData({
  file,
  onFault,
}: {
  readonly file: string;
  readonly onFault: (error: unknown) => void;
}): Promise<PriceData> {
  try {
    return (await readPriceFile(file)) ?? bundledPrices;
  } catch (error) {
    onFault(error);
    return bundledPrices;
  }
}
