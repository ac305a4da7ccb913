/**
 * Reads a date of RFC 9110 section 5.6.7 in any of its three forms and any case; `undefined` for every other text, and for a
 * zone that isn't GMT (RFC 9111 section 4.2). Milliseconds since the epoch; `near` decides which century two digits mean.
 */
export function readHttpDate(text: string, near: number): number | undefined {
  const found = forms.map((form) => form.exec(text.trim())).find((match) => match !== null);
  if (!found?.groups) return undefined;
  const { day = "", month = "", year = "", hour = "", minute = "", second = "" } = found.groups;
  const monthIndex = months.indexOf(month.toLowerCase());
  const fullYear = year.length === 2 ? findCentury(Number(year), near) : Number(year);
  const midnight = Date.UTC(fullYear, monthIndex, Number(day));
  // A day that its month doesn't have would be one of the next.
  if (monthIndex === -1 || new Date(midnight).getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  return midnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const time = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
const forms = [
  String.raw`(?:mon|tue|wed|thu|fri|sat|sun), (?<day>\d\d) (?<month>[a-z]{3}) (?<year>\d{4}) ${time} gmt`,
  String.raw`(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?<day>\d\d)-(?<month>[a-z]{3})-(?<year>\d\d) ${time} gmt`,
  String.raw`(?:mon|tue|wed|thu|fri|sat|sun) (?<month>[a-z]{3}) (?<day>[ \d]\d) ${time} (?<year>\d{4})`,
].map((form) => new RegExp(`^${form}$`, "i"));

/** What would be more than 50 years ahead is of the past. */
function findCentury(year: number, near: number): number {
  const thisYear = new Date(near).getUTCFullYear();
  const inCentury = thisYear - (thisYear % 100) + year;
  return inCentury > thisYear + 50 ? inCentury - 100 : inCentury;
}
