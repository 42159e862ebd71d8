// A day of each agent. With hooks, in a run.
import { after, before, describe, it } from "node:test";
import { days } from "./days.mjs";

for (const { title, open, close, cases } of days("both")) {
  describe(title, () => {
    before(open);
    after(close);
    for (const { name, check } of cases) it(name, check);
  });
}
