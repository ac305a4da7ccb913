export { controlPlane } from "./0001-control-plane.ts";
export { limitsAndBudgets } from "./0002-limits-and-budgets.ts";
export { budgetNotices } from "./0003-budget-notices.ts";
