// A day of each agent. With no gate all of it happens: the script does what it says, and what the other files find denied was denied by a gate.
import { after, before, describe, it } from "node:test";
import { days } from "./days.mjs";

for (const { title, open, close, cases } of days("bare")) {
  describe(title, () => {
    before(open);
    after(close);
    for (const { name, check } of cases) it(name, check);
  });
}
