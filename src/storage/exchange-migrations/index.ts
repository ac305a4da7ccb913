export { exchangeLog } from "./0001-exchange-log.ts";
