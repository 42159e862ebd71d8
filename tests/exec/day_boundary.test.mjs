// A day of each agent. In a run, without hooks: the kernel and the roads out alone.
import { after, before, describe, it } from "node:test";
import { days } from "./days.mjs";

for (const { title, open, close, cases } of days("boundary")) {
  describe(title, () => {
    before(open);
    after(close);
    for (const { name, check } of cases) it(name, check);
  });
}
